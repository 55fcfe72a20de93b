//! The journal's file: `goldform.state.json.journal`. Its text is that of [`backend::journal`](crate::backend::journal).

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom};

use serde::Serialize;

use super::disk::{self, Disk};
use super::place::Beside;
use crate::backend::StoreError;
use crate::backend::journal::{End, Header, Lines, Sum, write_lines};

/// Reads a journal's file. `None` if there is no journal, or not one whole line of it.
pub(super) fn read(place: &Beside) -> Result<Option<Lines>, StoreError> {
    match place.read()? {
        Some(bytes) => Lines::read(place.shown.clone(), bytes),
        None => Ok(None),
    }
}

/// A journal that is open for writing.
#[derive(Debug)]
pub(super) struct Journal {
    place: Beside,
    file: File,
    len: u64,
    sum: Option<Sum>,
    /// Whether something incomplete is after its end.
    is_torn: bool,
}

impl Journal {
    /// Opens the journal to go on at its end, where a line that was cut off is cut away.
    pub(super) fn go_on(place: Beside, end: End) -> Result<Self, StoreError> {
        let file = place.open(OpenOptions::new().read(true).write(true))?;
        let len = u64::try_from(end.len).unwrap_or(u64::MAX);
        let mut journal = Self { place, file, len, sum: end.sum, is_torn: true };
        journal.mend()?;
        Ok(journal)
    }

    /// Begins a journal, in the place of what is there.
    pub(super) fn begin(place: Beside, header: &Header, disk: &dyn Disk) -> Result<Self, StoreError> {
        let file = place.open(OpenOptions::new().read(true).write(true).create(true).truncate(false))?;
        let mut journal = Self { place, file, len: 0, sum: Some(Sum::default()), is_torn: true };
        journal.append(std::slice::from_ref(header), disk)?;
        disk::sync_folder(disk, disk::folder_of(&journal.place.path)).map_err(journal.place.io())?;
        Ok(journal)
    }

    /// Writes lines; all of them are durable when this returns, or none was written.
    pub(super) fn append<T: Serialize>(&mut self, values: &[T], disk: &dyn Disk) -> Result<(), StoreError> {
        self.mend()?;
        let mut bytes = Vec::new();
        let mut chain = self.sum;
        write_lines(values, &mut bytes, &mut chain).map_err(io::Error::other).map_err(self.place.io())?;
        if let Err(error) = disk.append(&mut self.file, &bytes) {
            // What was written of them must not be followed by anything.
            self.is_torn = true;
            let _ = self.cut();
            return Err(self.place.io()(error));
        }
        self.len = self.len.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.sum = chain;
        Ok(())
    }

    /// Where the next event is written.
    pub(super) fn end(&self) -> End {
        End { len: usize::try_from(self.len).unwrap_or(usize::MAX), sum: self.sum }
    }

    fn mend(&mut self) -> Result<(), StoreError> {
        match self.is_torn {
            true => self.cut().map_err(|error| self.place.io()(error)),
            false => Ok(()),
        }
    }

    /// Cuts off what is after the last whole line.
    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.len)?;
        self.file.seek(SeekFrom::Start(self.len))?;
        self.is_torn = false;
        Ok(())
    }
}
