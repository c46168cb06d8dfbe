//! `kinetik put`: lines of standard input as records of a stream.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::{ArgAction, ArgGroup, Args};
use futures_util::future::{Either, select};
use kinetik::producer::{Aggregate, Failure as Undelivered, Producer, ProducerConfig, PutRef};
use kinetik::rng::Rng;
use kinetik::runtime::Runtime;
use kinetik::time::Clock;
use kinetik::types::StreamRef;
use kinetik::{Error, ErrorKind};

use crate::Failure;
use crate::key::Keys;
use crate::lines::{Input, Line};
use crate::reach::Reach;
use crate::serve::ended;

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("keys").required(true).args(["key_field", "key_delimiter", "random_key"])))]
pub(crate) struct Options {
    /// The stream, by name or ARN.
    stream: StreamRef,
    #[command(flatten)]
    reach: Reach,
    /// true: many lines in one Kinesis record, in KPL's format, which every reader must take apart; false: each line as it is.
    #[arg(long, action = ArgAction::Set, value_name = "true|false")]
    aggregate: bool,
    /// Each line is JSON; its key is the value of this field, such as user.id.
    #[arg(long, value_name = "FIELD")]
    key_field: Option<String>,
    /// Each line is a key, this delimiter, and the data.
    #[arg(short = 'K', long, value_name = "DELIM")]
    key_delimiter: Option<String>,
    /// Each line gets a key of its own, so that lines spread over all shards.
    #[arg(long)]
    random_key: bool,
    /// Where lines are written that were not delivered, as they came, to be put again; lines that are there stay.
    #[arg(long, value_name = "FILE")]
    failed: Option<PathBuf>,
    /// Any setting of the producer by its name, such as ordered=true or linger=0.02; may be given more than once.
    #[arg(short = 'X', long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
}

/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(1);
/// How long delivery of what was read may take after the last line or the signal.
const DRAIN: Duration = Duration::from_secs(150);

impl Options {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let keys = self.keys()?;
        let stdin = stdin()?;
        let spill = Arc::new(Spill::open(self.failed.as_deref(), &stdin, keys.clone())?);
        let clock = Clock::system();
        let config = self.config(&clock, &spill)?;
        Runtime::shared()?.block_on(async {
            let mut signals = pin!(ended()?);
            let name = self.stream.to_string();
            let opened = match select(pin!(Producer::open(&name, config)), &mut signals).await {
                Either::Left((opened, _)) => opened?,
                Either::Right(_) => return Ok(()),
            };
            let mut put = Put {
                input: Input::of(stdin)?,
                unput: VecDeque::new(),
                producer: &opened,
                keys: &keys,
                spill: &spill,
                clock: &clock,
                is_shown: io::stderr().is_terminal(),
            };
            let mut read = match select(pin!(put.all()), &mut signals).await {
                Either::Left((read, _)) => Some(read),
                Either::Right(_) => None,
            };
            put.input.stop();
            let until = clock.now() + DRAIN;
            // A second signal gives up what is left.
            let mut is_given_up = false;
            if read.is_none() {
                let rest = pin!(clock.before(until, put.all()));
                match select(rest, &mut signals).await {
                    Either::Left((rest, _)) => read = rest,
                    Either::Right(_) => is_given_up = true,
                }
            }
            select(pin!(put.give_up()), &mut signals).await;
            let drain = match is_given_up {
                true => Duration::ZERO,
                false => until - clock.now(),
            };
            let closed = match select(pin!(opened.close(drain)), &mut signals).await {
                Either::Left((closed, _)) => closed,
                Either::Right(_) => opened.close(Duration::ZERO).await,
            };
            spill.take(opened.take_failures());
            spill.take(opened.take_pending().into_iter().map(|left| left.record));
            let ended = put.end(closed);
            read.unwrap_or(Ok(())).and(ended)
        })
    }

    fn keys(&self) -> Result<Keys, Error> {
        match (&self.key_field, &self.key_delimiter) {
            (Some(field), _) => Ok(Keys::field(field)),
            (None, Some(delimiter)) => Keys::delimiter(delimiter),
            (None, None) => Ok(Keys::Random(Rng::from_entropy())),
        }
    }

    fn config(&self, clock: &Clock, spill: &Arc<Spill>) -> Result<ProducerConfig, Error> {
        let aggregate = match self.aggregate {
            true => Aggregate::Yes,
            false => Aggregate::No,
        };
        let spill = Arc::clone(spill);
        let mut config = ProducerConfig::new(aggregate)
            .endpoint(self.reach.transport(clock)?)
            .clock(clock.clone())
            .on_failure(move |failures| spill.take(failures));
        for setting in &self.set {
            let (name, value) = setting.split_once('=').ok_or_else(|| {
                Error::invalid("set", "expected NAME=VALUE, for example linger=0.02")
            })?;
            config.set(name, value)?;
        }
        Ok(config)
    }
}

/// Standard input as a file, without a buffer.
fn stdin() -> Result<File, Error> {
    let stdin = io::stdin().as_fd().try_clone_to_owned();
    stdin.map(File::from).map_err(|error| {
        let text = format!("cannot be read: {error}");
        Error::invalid("standard input", text)
    })
}

/// Lines on their way.
struct Put<'a> {
    input: Input,
    /// Lines that were read and not put yet.
    unput: VecDeque<Line>,
    producer: &'a Producer,
    keys: &'a Keys,
    spill: &'a Spill,
    clock: &'a Clock,
    is_shown: bool,
}

impl Put<'_> {
    /// Puts all lines. Can be cancelled and called again: a line leaves `unput` as it is put.
    async fn all(&mut self) -> Result<(), Failure> {
        let mut told = self.clock.now();
        loop {
            while let Some(line) = self.unput.front() {
                self.one(line).await?;
                self.unput.pop_front();
            }
            let next = self.clock.before(told + PROGRESS, self.input.next());
            let next = next.await;
            if self.clock.now() >= told + PROGRESS {
                told = self.clock.now();
                self.progress("\r\x1b[K", "");
            }
            match next {
                None => {}
                Some(None) => return Ok(()),
                Some(Some(lines)) => {
                    let lines = lines.map_err(|error| {
                        let text = format!("standard input cannot be read: {error}");
                        Failure::Error(Error::invalid("standard input", text))
                    })?;
                    self.unput.extend(lines);
                }
            }
        }
    }

    /// Counts the lines as failed that were read and are not to be put any more.
    async fn give_up(&mut self) {
        loop {
            for line in self.unput.drain(..) {
                self.spill
                    .refused(&line, "the command ended before it was put");
            }
            match self.input.next().await {
                Some(Ok(lines)) => self.unput.extend(lines),
                Some(Err(_)) | None => return,
            }
        }
    }

    /// Puts a line, waiting for room. What is wrong with a line is told, and the next one comes.
    async fn one(&self, line: &Line) -> Result<(), Failure> {
        let record = line.whole().and_then(|line| self.keys.split(line));
        let (key, data) = match record {
            Ok(record) => record,
            Err(problem) => {
                self.spill.refused(line, &problem);
                return Ok(());
            }
        };
        loop {
            match self.producer.put_record(PutRef::new(key.as_bytes(), data)) {
                Ok(()) => return Ok(()),
                Err(error) => match error.kind() {
                    ErrorKind::BufferFull => self.producer.ready().await,
                    ErrorKind::InvalidArgument | ErrorKind::RecordTooLarge => {
                        self.spill.refused(line, error.message());
                        return Ok(());
                    }
                    _ => return Err(error.into()),
                },
            }
        }
    }

    fn progress(&self, before: &str, after: &str) {
        if self.is_shown {
            let ledger = self.producer.ledger();
            let _ = write!(
                io::stderr(),
                "{before}kinetik: {} records delivered, {} on their way, {} failed{after}",
                ledger.delivered.records,
                ledger.pending.records,
                self.spill.failed(),
            );
        }
    }

    /// Tells what became of all lines.
    fn end(&self, closed: kinetik::Result<()>) -> Result<(), Failure> {
        let written = self.spill.finish();
        let (delivered, failed) = (
            self.producer.ledger().delivered.records,
            self.spill.failed(),
        );
        let clear = if self.is_shown { "\r\x1b[K" } else { "" };
        let _ = writeln!(
            io::stderr(),
            "{clear}kinetik: {delivered} records delivered, {failed} failed"
        );
        if let Err(error) = written {
            let text = "not all failed lines could be written";
            let _ = writeln!(io::stderr(), "kinetik: {text}: {error}");
        }
        match (failed, closed) {
            (0, closed) => Ok(closed?),
            _ => Err(Failure::Records),
        }
    }
}

/// Where lines end that were not delivered.
struct Spill {
    keys: Keys,
    state: Mutex<Spilled>,
}

#[derive(Default)]
struct Spilled {
    file: Option<BufWriter<File>>,
    /// The last line that stands in the file has no end.
    has_open_line: bool,
    failed: u64,
    /// What kept the file from being written.
    broken: Option<io::Error>,
    /// Errors that were told; more of them are only counted.
    told: u32,
}

/// So many errors are told one by one.
const TOLD: u32 = 10;

impl Spill {
    fn open(file: Option<&Path>, stdin: &File, keys: Keys) -> Result<Self, Error> {
        let mut state = Spilled::default();
        if let Some(path) = file {
            let unwritable = |error| {
                let text = format!("{} cannot be written: {error}", path.display());
                Error::invalid("failed", text)
            };
            let opened = File::options().append(true).create(true).open(path);
            let opened = opened.map_err(unwritable)?;
            let found = opened.metadata().map_err(unwritable)?;
            if stdin.metadata().is_ok_and(|read| is_same(&read, &found)) {
                let text = "names the file that is read; expected another one";
                return Err(Error::invalid("failed", text));
            }
            state.has_open_line = has_open_line(path, &found);
            state.file = Some(BufWriter::new(opened));
        }
        let state = Mutex::new(state);
        Ok(Self { keys, state })
    }

    fn state(&self) -> MutexGuard<'_, Spilled> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line that was not even taken.
    fn refused(&self, line: &Line, problem: &str) {
        let mut state = self.state();
        state.tell(&format!("line {}: {problem}", line.number));
        state.write(&line.text);
    }

    /// Records that were not delivered, as the lines that they were.
    fn take(&self, failures: impl IntoIterator<Item = Undelivered>) {
        let mut state = self.state();
        for failure in failures {
            state.tell(&failure.error.to_string());
            let line = self.keys.join(&failure.key, &failure.data);
            state.write(&line);
        }
    }

    fn failed(&self) -> u64 {
        self.state().failed
    }

    fn finish(&self) -> io::Result<()> {
        let mut state = self.state();
        let flushed = state.file.as_mut().map_or(Ok(()), Write::flush);
        state.broken.take().map_or(flushed, Err)
    }
}

/// Whether what is written to the one is read from the other. A terminal or /dev/null gives nothing back.
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino()) && !one.file_type().is_char_device()
}

fn has_open_line(path: &Path, found: &Metadata) -> bool {
    let mut last = [b'\n'];
    let is_read = found.is_file()
        && found.len() > 0
        && File::open(path)
            .is_ok_and(|file| file.read_exact_at(&mut last, found.len() - 1).is_ok());
    is_read && last != [b'\n']
}

impl Spilled {
    fn tell(&mut self, problem: &str) {
        self.failed += 1;
        self.told += 1;
        if self.told <= TOLD {
            let _ = writeln!(io::stderr(), "kinetik: {problem}");
        } else if self.told == TOLD + 1 {
            let _ = writeln!(io::stderr(), "kinetik: more failed; they are only counted");
        }
    }

    fn write(&mut self, line: &[u8]) {
        let Some(file) = &mut self.file else { return };
        let before = match std::mem::take(&mut self.has_open_line) {
            true => &b"\n"[..],
            false => b"",
        };
        let mut parts = [before, line, b"\n"].into_iter();
        if let Err(error) = parts.try_for_each(|part| file.write_all(part)) {
            self.broken.get_or_insert(error);
        }
    }
}
