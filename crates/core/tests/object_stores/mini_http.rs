//! A small HTTP/1.1 server: one thread a connection, one function for all requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

/// Names in lower case, with their values.
type Headers = Vec<(String, String)>;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// The path with the query, as on the wire.
    pub target: String,
    pub headers: Headers,
    pub body: Vec<u8>,
    /// The request's line and headers, byte for byte.
    pub head: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A parameter of the query, unescaped.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| unescaped(value))
    }
}

/// Resolves percent escapes and pluses.
pub fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}

/// What a server does with a request: it writes the whole answer, or part of it, or none. `false`: the
/// connection is closed.
pub type Handler = dyn Fn(&Request, &mut TcpStream) -> bool + Send + Sync;

/// A server; it serves until the process ends.
pub struct Server {
    pub address: SocketAddr,
}

impl Server {
    pub fn start(handler: impl Fn(&Request, &mut TcpStream) -> bool + Send + Sync + 'static) -> Server {
        Server::at(0, handler)
    }

    /// One at a port; 0: any that is free.
    pub fn at(
        port: u16,
        handler: impl Fn(&Request, &mut TcpStream) -> bool + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let address = listener.local_addr().unwrap();
        let handler: Arc<Handler> = Arc::new(handler);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let handler = Arc::clone(&handler);
                let Ok(stream) = stream else { return };
                std::thread::spawn(move || serve(stream, &*handler));
            }
        });
        Server { address }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn serve(stream: TcpStream, handler: &Handler) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(request) = read_request(&mut reader) {
        if !handler(&request, &mut stream) {
            return;
        }
    }
}

fn read_head(reader: &mut impl BufRead) -> Option<(Vec<u8>, Headers)> {
    let mut head = Vec::new();
    let mut headers = Vec::new();
    loop {
        let start = head.len();
        if reader.read_until(b'\n', &mut head).ok()? == 0 {
            return None;
        }
        let line = std::str::from_utf8(&head[start..]).ok()?.trim_end();
        if line.is_empty() {
            return Some((head, headers));
        }
        if let Some((name, value)) = line.split_once(':').filter(|_| start > 0) {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
}

fn length(headers: &[(String, String)]) -> Option<usize> {
    headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse().unwrap())
}

pub fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let (head, headers) = read_head(reader)?;
    let first = std::str::from_utf8(&head).ok()?.lines().next()?.to_owned();
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    assert!(!headers.iter().any(|(name, _)| name == "transfer-encoding"), "a body without a length: {first}");
    let mut body = vec![0; length(&headers).unwrap_or_default()];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, target, headers, body, head })
}

/// An answer of another server, byte for byte.
pub struct Relayed {
    pub head: Vec<u8>,
    pub body: Vec<u8>,
}

impl Relayed {
    fn headers(&self) -> impl Iterator<Item = &str> {
        std::str::from_utf8(&self.head).unwrap().lines().skip(1).filter(|line| !line.is_empty())
    }

    /// The body as it was before it was cut into chunks for the way.
    pub fn plain_body(&self) -> Vec<u8> {
        if !self.headers().any(|line| line.to_ascii_lowercase().starts_with("transfer-encoding: chunked")) {
            return self.body.clone();
        }
        let (mut plain, mut rest) = (Vec::new(), &self.body[..]);
        loop {
            let end = rest.windows(2).position(|pair| pair == b"\r\n").unwrap();
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap().trim(), 16).unwrap();
            if size == 0 {
                return plain;
            }
            plain.extend_from_slice(&rest[end + 2..][..size]);
            rest = &rest[end + 2 + size + 2..];
        }
    }

    /// Whether it lists objects or uploads.
    pub fn is_listing(&self) -> bool {
        let start = String::from_utf8_lossy(&self.body[..self.body.len().min(400)]).into_owned();
        ["<ListBucketResult", "<ListMultipartUploadsResult", "<EnumerationResults"]
            .iter()
            .any(|name| start.contains(name))
    }

    /// The same with another body.
    pub fn with_body(&self, body: Vec<u8>) -> Relayed {
        let mut head = std::str::from_utf8(&self.head).unwrap().lines().next().unwrap().to_owned();
        for line in self.headers() {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            if name != "content-length" && name != "transfer-encoding" {
                head.push_str(&format!("\r\n{line}"));
            }
        }
        head.push_str(&format!("\r\ncontent-length: {}\r\n\r\n", body.len()));
        Relayed { head: head.into_bytes(), body }
    }
}

/// Sends a request on as it came, and gives the answer.
pub fn relay(request: &Request, upstream: &str) -> Relayed {
    let mut stream = TcpStream::connect(upstream).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(&request.head).unwrap();
    stream.write_all(&request.body).unwrap();
    let mut reader = BufReader::new(stream);
    let (head, headers) = read_head(&mut reader).expect("an answer");
    let status: u16 = std::str::from_utf8(&head[9..12]).unwrap().parse().unwrap();
    let mut body = Vec::new();
    let is_chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    if request.method == "HEAD" || status == 204 || status == 304 {
    } else if is_chunked {
        loop {
            let start = body.len();
            reader.read_until(b'\n', &mut body).unwrap();
            let line = std::str::from_utf8(&body[start..]).unwrap().trim().to_owned();
            let size = usize::from_str_radix(&line, 16).unwrap();
            let at = body.len();
            body.resize(at + size + 2, 0);
            reader.read_exact(&mut body[at..]).unwrap();
            if size == 0 {
                break;
            }
        }
    } else {
        body.resize(length(&headers).expect("an answer with a length"), 0);
        reader.read_exact(&mut body).unwrap();
    }
    Relayed { head, body }
}

/// Writes an answer with a body.
pub fn answer(stream: &mut TcpStream, status: u16, headers: &[(&str, String)], body: &[u8]) -> bool {
    let mut head = format!("HTTP/1.1 {status} Answer\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if status != 204 && !headers.iter().any(|(name, _)| *name == "content-length") {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).is_ok()
}
