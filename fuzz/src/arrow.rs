//! Structs of the Arrow C data interface made of arbitrary bytes: types, lengths, offsets and values may be
//! anything; every buffer has exactly the bytes that they claim, so that a read beyond them is found.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ffi::{CString, c_char, c_void};

use lode_abi::{ArrowArray, ArrowSchema};

/// Bytes that are used up; zeros follow them.
pub struct Bytes<'a>(pub &'a [u8]);

impl Bytes<'_> {
    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn fill(&mut self, room: &mut [u8]) {
        let len = room.len().min(self.0.len());
        let (given, rest) = self.0.split_at(len);
        room[..len].copy_from_slice(given);
        self.0 = rest;
    }
}

/// The fields of the schema that the datasets of the target have, and one that it does not.
const NAMES: [&str; 9] =
    ["int32", "int64", "float32", "float64", "string", "bool", "bytes", "timestamp", "other"];

/// How an array of a type is laid out.
#[derive(Clone, Copy)]
enum Kind {
    Null,
    Bits,
    /// Values of so many bytes.
    Fixed(usize),
    /// Offsets of so many bytes, and what they tell apart.
    Texts(usize),
    Views,
    /// Offsets of so many bytes, and a child.
    List(usize),
    FixedList(i64),
    Struct,
}

const FORMATS: [(&str, Kind); 33] = [
    ("i", Kind::Fixed(4)),
    ("l", Kind::Fixed(8)),
    ("f", Kind::Fixed(4)),
    ("g", Kind::Fixed(8)),
    ("u", Kind::Texts(4)),
    ("b", Kind::Bits),
    ("z", Kind::Texts(4)),
    ("tsn:UTC", Kind::Fixed(8)),
    ("c", Kind::Fixed(1)),
    ("C", Kind::Fixed(1)),
    ("s", Kind::Fixed(2)),
    ("S", Kind::Fixed(2)),
    ("I", Kind::Fixed(4)),
    ("U", Kind::Texts(8)),
    ("Z", Kind::Texts(8)),
    ("vu", Kind::Views),
    ("vz", Kind::Views),
    ("tss:+01:00", Kind::Fixed(8)),
    ("tsm:Europe/Paris", Kind::Fixed(8)),
    ("tsu:UTC", Kind::Fixed(8)),
    ("tsn:", Kind::Fixed(8)),
    ("L", Kind::Fixed(8)),
    ("e", Kind::Fixed(2)),
    ("d:10,2", Kind::Fixed(16)),
    ("tdD", Kind::Fixed(4)),
    ("ttn", Kind::Fixed(8)),
    ("w:5", Kind::Fixed(5)),
    ("n", Kind::Null),
    ("+l", Kind::List(4)),
    ("+L", Kind::List(8)),
    ("+w:2", Kind::FixedList(2)),
    ("+s", Kind::Struct),
    ("+x", Kind::Null),
];

/// A type, and what its arrays are made by.
struct Type {
    schema: Box<ArrowSchema>,
    kind: Kind,
    children: Vec<Type>,
    dictionary: Option<Box<Type>>,
    /// What the schema points to.
    _texts: (CString, CString),
    pointers: Vec<*mut ArrowSchema>,
}

/// A schema and an array of it, with everything that they point to.
pub struct Made {
    root: Type,
    arrays: Vec<Box<ArrowArray>>,
    pointers: Vec<Box<[*mut ArrowArray]>>,
    buffer_lists: Vec<Box<[*const c_void]>>,
    buffers: Vec<(*mut u8, Layout)>,
    /// How often the array was released.
    released: Box<u32>,
}

unsafe extern "C" fn release_schema(schema: *mut ArrowSchema) {
    // SAFETY: called with a schema that is released.
    unsafe { (*schema).release = None };
}

unsafe extern "C" fn release_array(array: *mut ArrowArray) {
    // SAFETY: called with an array of this file, whose private data count its releases.
    unsafe {
        *(*array).private_data.cast::<u32>() += 1;
        (*array).release = None;
    }
}

impl Type {
    fn new(bytes: &mut Bytes<'_>, depth: usize) -> Type {
        let choice = bytes.byte();
        let (format, kind) = match depth {
            0 if choice != 0xff => ("+s", Kind::Struct),
            _ => FORMATS[usize::from(choice) % FORMATS.len()],
        };
        // Most columns have the name that their type is for.
        let name = match bytes.byte() {
            0..=200 => NAMES[usize::from(choice) % FORMATS.len() % NAMES.len()],
            other => NAMES[usize::from(other) % NAMES.len()],
        };
        let count = match kind {
            Kind::Struct => usize::from(bytes.byte() % 10),
            Kind::List(_) | Kind::FixedList(_) => 1,
            _ => 0,
        };
        let children: Vec<Type> =
            if depth < 3 { (0..count).map(|_| Type::new(bytes, depth + 1)).collect() } else { Vec::new() };
        let is_dictionary = matches!(kind, Kind::Fixed(1 | 2 | 4 | 8)) && bytes.byte() > 220 && depth < 3;
        let dictionary = is_dictionary.then(|| Box::new(Type::new(bytes, depth + 1)));
        let texts = (CString::new(format).unwrap(), CString::new(name).unwrap());
        let mut made = Type {
            schema: Box::new(ArrowSchema {
                format: texts.0.as_ptr(),
                name: texts.1.as_ptr(),
                metadata: std::ptr::null::<c_char>(),
                flags: i64::from(bytes.byte() & 7),
                n_children: children.len() as i64,
                children: std::ptr::null_mut(),
                dictionary: std::ptr::null_mut(),
                release: Some(release_schema),
                private_data: std::ptr::null_mut(),
            }),
            kind,
            children,
            dictionary,
            _texts: texts,
            pointers: Vec::new(),
        };
        made.pointers = made.children.iter_mut().map(|child| &raw mut *child.schema).collect();
        made.schema.children = made.pointers.as_mut_ptr();
        if let Some(dictionary) = &mut made.dictionary {
            made.schema.dictionary = &raw mut *dictionary.schema;
        }
        // Now and then something that cannot be.
        match bytes.byte() {
            255 => made.schema.n_children = -1,
            254 => made.schema.release = None,
            253 => made.schema.format = std::ptr::null(),
            252 => made.schema.n_children = i64::MAX,
            _ => {}
        }
        made
    }
}

impl Made {
    /// A schema of columns and an array of it.
    pub fn new(bytes: &mut Bytes<'_>) -> Made {
        let mut made = Made {
            root: Type::new(bytes, 0),
            arrays: Vec::new(),
            pointers: Vec::new(),
            buffer_lists: Vec::new(),
            buffers: Vec::new(),
            released: Box::new(0),
        };
        let root = std::mem::replace(&mut made.root, Type::new(&mut Bytes(&[]), 3));
        let rows = i64::from(bytes.byte() % 70);
        let array = made.array(&root, bytes, rows);
        made.root = root;
        // SAFETY: one of `arrays`.
        unsafe { (*array).private_data = (&raw mut *made.released).cast() };
        made
    }

    /// The schema, which is only lent.
    pub fn schema(&mut self) -> *mut ArrowSchema {
        &raw mut *self.root.schema
    }

    /// The array, to be moved out of its place.
    pub fn array_place(&mut self) -> *mut ArrowArray {
        self.arrays.last_mut().map_or(std::ptr::null_mut(), |array| &raw mut **array)
    }

    /// How often the array was released.
    pub fn released(&self) -> u32 {
        *self.released
    }

    /// A buffer of exactly so many bytes.
    fn buffer(&mut self, len: usize, bytes: &mut Bytes<'_>) -> *mut u8 {
        let layout = Layout::from_size_align(len.max(1), 16).unwrap();
        // SAFETY: the size is not zero; what is filled is the buffer.
        unsafe {
            let buffer = alloc_zeroed(layout);
            self.buffers.push((buffer, layout));
            bytes.fill(std::slice::from_raw_parts_mut(buffer, len));
            buffer
        }
    }

    /// A buffer of offsets, most of which rise; gives the last one, if all can be.
    fn offsets(&mut self, width: usize, count: usize, bytes: &mut Bytes<'_>) -> (*mut u8, usize) {
        let buffer = self.buffer(count * width, &mut Bytes(&[]));
        let (mut last, mut is_right) = (0_i64, true);
        for place in 0..count {
            let step = bytes.byte();
            let offset = if step < 250 { last + i64::from(step % 9) } else { last - i64::from(step) };
            is_right &= offset >= last;
            last = offset;
            // SAFETY: within the buffer, which is aligned for it.
            unsafe {
                match width {
                    4 => buffer.cast::<i32>().add(place).write(offset as i32),
                    _ => buffer.cast::<i64>().add(place).write(offset),
                }
            }
        }
        (buffer, if is_right { last as usize } else { 0 })
    }

    fn array(&mut self, of: &Type, bytes: &mut Bytes<'_>, wanted: i64) -> *mut ArrowArray {
        let lie = bytes.byte();
        let (length, offset) = match lie {
            255 => (-1, 0),
            254 => (i64::MAX, 1),
            253 => (wanted, -3),
            252 => (wanted - 1, 0),
            251 => (i64::MAX, 0),
            200..=250 => (wanted, i64::from(lie - 200)),
            _ => (wanted, 0),
        };
        let end = if (0..=500).contains(&length) { usize::try_from(length + offset).unwrap_or(0) } else { 0 };
        let nulls = bytes.byte();
        let mut buffers: Vec<*const c_void> = Vec::new();
        let mut null_count = 0;
        if !matches!(of.kind, Kind::Null) {
            if nulls < 100 {
                buffers.push(std::ptr::null());
            } else {
                buffers.push(self.buffer(end.div_ceil(8), bytes).cast());
                null_count = if nulls < 240 { -1 } else { i64::from(nulls) - 245 };
            }
        }
        let mut children = of.children.iter();
        let mut arrays = Vec::new();
        match of.kind {
            Kind::Null => null_count = length,
            Kind::Bits => buffers.push(self.buffer(end.div_ceil(8), bytes).cast()),
            Kind::Fixed(width) => {
                let values = self.buffer(end * width, bytes);
                // Keys of a dictionary are small, most of them.
                if of.dictionary.is_some() && nulls % 8 != 0 {
                    for value in 0..end * width {
                        // SAFETY: within the buffer.
                        unsafe {
                            let place = values.add(value);
                            *place = if value % width == 0 { *place % 4 } else { 0 };
                        }
                    }
                }
                buffers.push(values.cast());
            }
            Kind::Texts(width) => {
                let (offsets, last) = self.offsets(width, end + 1, bytes);
                buffers.extend([offsets.cast_const().cast(), self.buffer(last, bytes).cast_const().cast()]);
            }
            Kind::Views => {
                let views = self.buffer(end * 16, bytes);
                let count = usize::from(bytes.byte() % 3);
                let sizes = self.buffer(count * 8, &mut Bytes(&[]));
                buffers.push(views.cast());
                for number in 0..count {
                    let len = usize::from(bytes.byte());
                    buffers.push(self.buffer(len, bytes).cast());
                    // SAFETY: within the buffer, which is aligned for it.
                    unsafe { sizes.cast::<i64>().add(number).write(len as i64) };
                }
                buffers.push(sizes.cast());
            }
            Kind::List(width) => {
                let (offsets, last) = self.offsets(width, end + 1, bytes);
                buffers.push(offsets.cast());
                arrays.extend(children.by_ref().map(|child| self.array(child, bytes, last as i64)));
            }
            Kind::FixedList(size) => {
                arrays.extend(children.by_ref().map(|child| self.array(child, bytes, end as i64 * size)));
            }
            Kind::Struct => {}
        }
        for child in children {
            arrays.push(self.array(child, bytes, end as i64));
        }
        let dictionary = match &of.dictionary {
            Some(values) => self.array(values, bytes, 4),
            None => std::ptr::null_mut(),
        };
        let mut arrays = arrays.into_boxed_slice();
        let mut buffers = buffers.into_boxed_slice();
        let mut array = Box::new(ArrowArray {
            length,
            null_count,
            offset,
            n_buffers: buffers.len() as i64,
            n_children: arrays.len() as i64,
            buffers: buffers.as_mut_ptr(),
            children: arrays.as_mut_ptr(),
            dictionary,
            release: Some(release_array),
            // Of all arrays within the root, whose release is the one that is called.
            private_data: (&raw mut *self.released).cast(),
        });
        match bytes.byte() {
            255 => array.n_buffers = 0,
            254 => array.n_children = -1,
            253 => array.release = None,
            252 => array.buffers = std::ptr::null_mut(),
            _ => {}
        }
        let place = &raw mut *array;
        self.arrays.push(array);
        self.pointers.push(arrays);
        self.buffer_lists.push(buffers);
        place
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for (buffer, layout) in self.buffers.drain(..) {
            // SAFETY: allocated with this layout, once.
            unsafe { dealloc(buffer, layout) };
        }
    }
}
