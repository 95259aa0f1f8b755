//! Records divided into several data files, one after another: a file that has enough is ended, and the next
//! one goes on with the following record. The files keep the order of the records.

use std::collections::VecDeque;

use super::{DataFile, Opening, Pipe};
use crate::context::{Context, Progress};
use crate::dataset::partition_stream::sum;
use crate::error::Result;

/// How many ended files may be open, their bytes on the way to the disk, before the first of them is made
/// durable.
const ENDED_OPEN: usize = 4;

/// The files that were ended before the one that is being written.
#[derive(Default)]
pub(super) struct Ended {
    /// What went into them, and what was stored.
    pub progress: Progress,
    /// How many there are.
    count: u32,
    /// The first ones, which are durable.
    durable: Vec<DataFile>,
    /// The others: complete, and not durable yet.
    open: VecDeque<Pipe>,
}

impl Pipe {
    /// Whether the file has as many bytes of records as one is to have.
    pub(super) fn is_file_full(&self) -> bool {
        let most = self.dataset.options().target_file_bytes;
        most > 0 && self.counts.bytes >= most
    }

    /// Ends the file, and begins the next one in its place. After `NoSpace` it may be called again.
    #[cold]
    pub(super) fn begin_file(&mut self) -> Result<()> {
        // Nothing can be added any more, until there is another file.
        self.full_at = 0;
        self.close()?;
        self.upload.start_writeback();
        while self.ended.open.len() >= ENDED_OPEN {
            self.finish_first()?;
        }
        let number = self.ended.count + 2;
        let alone = Opening::alone(self.early_writeback.is_some());
        let opening = Opening { number, is_one_call: self.is_one_call, ..alone };
        let mut next = Pipe::open(&self.dataset, &self.home, opening, &self.context)?;
        next.ended = std::mem::take(&mut self.ended);
        let mut ended = std::mem::replace(self, next);
        self.ended.progress = sum(self.ended.progress, ended.progress());
        self.ended.count += 1;
        ended.full_at = ended.piece;
        self.ended.open.push_back(ended);
        Ok(())
    }

    /// Makes the first of the ended files durable; whether there was one.
    fn finish_first(&mut self) -> Result<bool> {
        let Some(first) = self.ended.open.front_mut() else { return Ok(false) };
        first.set_context(&self.context);
        let data = first.finish()?;
        self.ended.durable.push(data);
        self.ended.open.pop_front();
        Ok(true)
    }

    /// Makes all files durable under their names, and gives them in the order of the records. After `NoSpace`
    /// it may be called again.
    pub fn finish_all(&mut self) -> Result<Vec<DataFile>> {
        // A last file without records is none, unless it is the only one.
        let is_last_empty = self.ended.count > 0 && self.counts.records == 0;
        if !self.ended.open.is_empty() {
            if !is_last_empty {
                self.close()?;
                self.upload.start_writeback();
            }
            let context = self.context.clone();
            let mut open = std::mem::take(&mut self.ended.open);
            let last = (!is_last_empty).then_some(&mut *self);
            let mut pipes: Vec<_> = open.iter_mut().chain(last).collect();
            let prepared = Pipe::prepare_all(&mut pipes, &context);
            self.ended.open = open;
            prepared?;
        }
        while self.finish_first()? {}
        if is_last_empty {
            self.upload.abort(&self.context);
        } else {
            let data = self.finish()?;
            self.ended.durable.push(data);
        }
        Ok(std::mem::take(&mut self.ended.durable))
    }

    /// Gives up the files before this one.
    pub(super) fn abort_ended(&mut self, context: &Context) {
        self.ended.open.drain(..).for_each(|mut pipe| pipe.upload.abort(context));
        for data in self.ended.durable.drain(..) {
            // No manifest names the file: one that cannot be removed now is an orphan, which no reader sees.
            let _ = self.dataset.store().backend().delete(context, &data.file.path);
        }
    }
}
