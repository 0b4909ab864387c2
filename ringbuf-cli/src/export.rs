//! `ringbuf export`: the rings of this machine as metrics, over HTTP or in a file.

mod encode;
mod metrics;
mod serve;

use std::fs::Permissions;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use hyper::body::Bytes;
use regex_lite::Regex;

use crate::list::{failure_of_look, watcher};
use crate::new_file::may_be_replaced;
use crate::top::attach;
use crate::watch::{Row, Watcher};
use crate::{Failure, tell};
use encode::{Family, Syntax, encode};
use metrics::{Known, Own, families};

/// Where it listens unless told otherwise: on this machine only.
const ADDRESS: &str = "127.0.0.1:9747";
/// Between the two looks of `--once`.
const BETWEEN: Duration = Duration::from_millis(100);
/// Looks at a higher rate would cost more than they tell.
const SHORTEST: Duration = Duration::from_millis(100);
/// How often a signal is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// Serve metrics of all rings to Prometheus
///
/// It looks at each ring once per interval, as `ringbuf top` does, and stores nothing in them.
#[derive(Args, Debug)]
#[command(after_help = "`ringbuf export --help` lists the metrics.")]
#[command(after_long_help = AFTER)]
pub(crate) struct Export {
    /// Serve http://ADDR/metrics [default: 127.0.0.1:9747, without --once and --textfile]
    ///
    /// ADDR is a numeric address with a port, as 0.0.0.0:9747. IPv6 has brackets.
    #[arg(long, value_name = "ADDR", conflicts_with = "once", value_parser = socket_address)]
    listen: Option<SocketAddr>,
    /// Print the metrics once, and exit; with --textfile, write the file once
    #[arg(long)]
    once: bool,
    /// Write the metrics to a file, for node_exporter's textfile collector
    ///
    /// The file is replaced as a whole after each look. It is removed at the end, unless --once is
    /// given. Its name has to end with `.prom` for the collector. A device, a pipe, a folder or a
    /// symbolic link is refused: give the file itself.
    #[arg(long, value_name = "PATH")]
    textfile: Option<PathBuf>,
    /// With --once, print OpenMetrics. HTTP clients choose by themselves
    #[arg(long, requires = "once", conflicts_with = "textfile")]
    openmetrics: bool,
    /// Count lost records of all rings in the kernel, exactly, whoever wrote the programs
    ///
    /// As `ringbuf top --attach`. Where the kernel does not permit it, it says why, and goes on
    /// without.
    #[arg(long)]
    attach: bool,
    /// Only rings whose name matches this regular expression; repeat it for more
    #[arg(long, value_name = "RE")]
    include: Vec<Regex>,
    /// No rings whose name matches this regular expression; repeat it for more
    #[arg(long, value_name = "RE")]
    exclude: Vec<Regex>,
    /// At most N rings, those with the lowest ids; the others are counted
    #[arg(long, value_name = "N", default_value_t = 500)]
    max_rings: usize,
    /// Time between two looks: 1s, 500ms; at least 100ms
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    interval: Duration,
}

/// Exports until `stop` is set, or once.
pub(crate) fn run(arguments: &Export, stop: &AtomicBool) -> Result<(), Failure> {
    let mut exporter = Exporter::new(arguments)?;
    exporter.look()?;
    if arguments.attach
        && let Err(refused) = attach(&mut exporter.watcher)
    {
        tell(&format!("ringbuf: {refused}"));
    }
    if arguments.once {
        thread::sleep(BETWEEN);
        exporter.look()?;
        return exporter.print_once().map_err(Failure::Running);
    }
    if let Some(address) = arguments.address() {
        exporter.listen(address).map_err(Failure::Running)?;
    }
    let result = exporter.go_on(stop);
    if let Some(path) = &arguments.textfile {
        // What is no longer known is not told. What others have put there stays.
        let _gone = may_be_replaced(path).map(|()| std::fs::remove_file(path));
    }
    result.map_err(Failure::Running)
}

impl Export {
    fn address(&self) -> Option<SocketAddr> {
        let wanted = self.listen.is_some() || self.textfile.is_none();
        self.listen.or_else(|| ADDRESS.parse().ok()).filter(|_| wanted)
    }

    /// The chosen rings, and how many were left out.
    fn choose(&self, rows: Vec<Row>) -> (Vec<Row>, u64) {
        let named = |row: &Row| {
            let matches = |all: &[Regex]| all.iter().any(|one| one.is_match(&row.name));
            (self.include.is_empty() || matches(&self.include)) && !matches(&self.exclude)
        };
        let mut rows: Vec<_> = rows.into_iter().filter(named).collect();
        rows.sort_by_key(|row| row.id);
        let skipped = rows.len().saturating_sub(self.max_rings);
        rows.truncate(self.max_rings);
        (rows, skipped as u64)
    }
}

/// Looks, and keeps the latest metrics.
struct Exporter<'a> {
    arguments: &'a Export,
    watcher: Watcher,
    own: Own,
    latest: Arc<Latest>,
}

impl<'a> Exporter<'a> {
    fn new(arguments: &'a Export) -> Result<Self, Failure> {
        if let Some(path) = &arguments.textfile {
            may_be_replaced(path).map_err(Failure::Running)?;
        }
        let watcher = watcher(&[], false)?;
        Ok(Self { arguments, watcher, own: Own::default(), latest: Arc::default() })
    }

    /// Looks once. Also after an error, the latest metrics are those of this look: without rings.
    fn look(&mut self) -> Result<(), Failure> {
        let begin = Instant::now();
        let looked = self.watcher.look();
        self.own.looks += 1;
        self.own.look_seconds = begin.elapsed().as_secs_f64();
        let (rows, error) = match looked {
            Ok(rows) => (rows, None),
            Err(error) => {
                self.own.failed_looks += 1;
                (Vec::new(), Some(error))
            }
        };
        let (rows, skipped) = self.arguments.choose(rows);
        self.own.skipped = skipped;
        let mut known = Vec::with_capacity(rows.len());
        for row in &rows {
            let (tally, sizes) = (self.watcher.tally(row.id), self.watcher.sizes(row.id));
            known.push(Known { row, tally, sizes });
        }
        self.latest.set(families(&known, self.own));
        error.map_or(Ok(()), |error| Err(failure_of_look(error)))
    }

    fn print_once(&self) -> anyhow::Result<()> {
        if let Some(path) = &self.arguments.textfile {
            return self.write(path);
        }
        let syntax =
            if self.arguments.openmetrics { Syntax::OpenMetrics } else { Syntax::Prometheus };
        let text = self.latest.get().text(syntax);
        let mut out = io::stdout().lock();
        match out.write_all(&text).and_then(|()| out.flush()) {
            // Its reader has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.context("cannot write the metrics"),
        }
    }

    fn listen(&self, address: SocketAddr) -> anyhow::Result<()> {
        let cannot = || format!("cannot listen on {address}");
        let listener = TcpListener::bind(address).with_context(cannot)?;
        let address = listener.local_addr().with_context(cannot)?;
        let latest = Arc::clone(&self.latest);
        let serve = move || {
            if let Err(error) = serve::serve(listener, latest) {
                tell(&format!("ringbuf: cannot serve metrics: {error}"));
            }
        };
        thread::Builder::new().name("http".to_owned()).spawn(serve).with_context(cannot)?;
        tell(&format!("ringbuf: serving http://{address}/metrics"));
        Ok(())
    }

    fn go_on(&mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        let mut next = Instant::now();
        let mut told = false;
        loop {
            if let Some(path) = &self.arguments.textfile {
                self.write(path)?;
            }
            next += self.arguments.interval;
            while let Some(left) = next.checked_duration_since(Instant::now()) {
                if stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                thread::sleep(left.min(LOOK));
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            // After a look that took long, the next one is not at once.
            next = next.max(Instant::now() - self.arguments.interval / 2);
            match self.look() {
                Err(failure) if !told => {
                    let _code = failure.tell();
                    told = true;
                }
                Err(_) => {}
                Ok(()) => told = false,
            }
        }
    }

    /// Replaces the file as a whole: a reader sees the old or the new one.
    fn write(&self, path: &Path) -> anyhow::Result<()> {
        let cannot = || format!("cannot write the metrics to {}", path.display());
        may_be_replaced(path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file = tempfile::Builder::new();
        let mut file = file
            .prefix(".ringbuf-")
            .suffix(".tmp")
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .map_err(without_name)
            .with_context(cannot)?;
        let text = self.latest.get().text(Syntax::Prometheus);
        file.write_all(&text).map_err(without_name).with_context(cannot)?;
        file.persist(path).map_err(|error| error.error).with_context(cannot)?;
        Ok(())
    }
}

/// What the system said, without the name of a temporary file.
fn without_name(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.rsplit_once(" at path ") {
        Some((said, _)) => io::Error::new(error.kind(), said.to_owned()),
        None => error,
    }
}

/// The metrics of the latest look.
#[derive(Debug, Default)]
struct Latest(Mutex<Arc<Metrics>>);

/// Each text is made once, however many clients ask.
#[derive(Debug, Default)]
struct Metrics {
    families: Vec<Family>,
    texts: [OnceLock<Bytes>; 2],
}

impl Latest {
    fn set(&self, families: Vec<Family>) {
        let metrics = Arc::new(Metrics { families, texts: Default::default() });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = metrics;
    }

    fn get(&self) -> Arc<Metrics> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Metrics {
    fn text(&self, syntax: Syntax) -> Bytes {
        let [prometheus, open_metrics] = &self.texts;
        let text = match syntax {
            Syntax::Prometheus => prometheus,
            Syntax::OpenMetrics => open_metrics,
        };
        text.get_or_init(|| encode(&self.families, syntax).into()).clone()
    }
}

impl serve::Texts for Latest {
    fn text(&self, syntax: Syntax) -> Bytes {
        self.get().text(syntax)
    }
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    let wanted = "use a numeric address with a port, as 127.0.0.1:9747 or [::1]:9747";
    text.parse().map_err(|_| wanted.to_owned())
}

fn interval(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time < SHORTEST {
        return Err(format!("use at least {} ms", SHORTEST.as_millis()));
    }
    Ok(time)
}

const AFTER: &str = "\
Examples:
  sudo ringbuf export                                  then: curl http://127.0.0.1:9747/metrics
  sudo ringbuf export --listen 0.0.0.0:9747            for other machines: it has no encryption
  sudo ringbuf export --once | grep failed             what is known now
  sudo ringbuf export --textfile /var/lib/prometheus/node-exporter/ringbuf.prom

Metrics of each ring, with the labels map_id and name (absent where nothing is known):
  ringbuf_map_info                  1, with the labels kind and mode
  ringbuf_capacity_bytes            size of the ring
  ringbuf_pending_bytes             produced and not given back by the reader
  ringbuf_pending_max_bytes         the most of it in any look
  ringbuf_head_busy_seconds         how long the first record is reserved and not committed
  ringbuf_head_unread_seconds       how long the reader leaves the first record alone
  ringbuf_readers                   processes that read it
  ringbuf_programs                  loaded BPF programs that use it
  ringbuf_produced_bytes_total      since the map was made
  ringbuf_consumed_bytes_total      since the map was made; not in overwrite mode
  ringbuf_nearly_full_seconds_total   time above 80 %, since the exporter knows the ring
  ringbuf_records_estimated_total     records, since the exporter knows the ring
  ringbuf_reservations_failed_total   lost records; the label source says who counts them:
                                      attach (--attach) or program
  ringbuf_record_size_bytes           histogram of the sizes whose headers were seen

Metrics of the exporter:
  ringbuf_exporter_rings_skipped    rings above --max-rings
  ringbuf_exporter_looks_total      looks at the rings
  ringbuf_exporter_failed_looks_total   looks that failed: then no ring has metrics
  ringbuf_exporter_look_seconds     duration of the latest look

  docs/exporting.md has alerts, a dashboard, a systemd unit and a DaemonSet.

Privilege:
  As `ringbuf list --help` says.

Exit code:
  0  success: --once, or ended by SIGINT, SIGTERM or SIGHUP
  1  error while running, for example the address is in use
  2  wrong usage
  3  not possible here; the message says what is missing";

#[cfg(test)]
mod tests;
