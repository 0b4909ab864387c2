//! The arguments of `ringbuf top`.

use std::time::Duration;

use clap::Args;

use super::columns::Column;
use super::filter::Filter;

/// Faster looks are seen by the programs that write the rings.
const LEAST: Duration = Duration::from_millis(1);

/// Watch the rings of this machine: how full they are, who reads them, what is wrong
///
/// It looks at each ring buffer map again and again, whoever made it, and stores nothing:
/// neither the readers nor the programs notice it. On a terminal it shows a screen that answers
/// to keys; otherwise it prints tables, as with -b.
#[derive(Args, Debug)]
#[command(after_help = "`ringbuf top --help` explains columns, keys, filters and states.")]
#[command(after_long_help = AFTER)]
pub(crate) struct Top {
    /// Show only these maps: an id (a number always is one), a name, or the path of a pin (with a
    /// slash in it)
    #[arg(value_name = "MAP")]
    pub(crate) maps: Vec<String>,
    /// The time between two looks, at least 1ms: 1s, 200ms
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub(crate) interval: Duration,
    /// Sort by this column
    #[arg(short, long, value_enum, value_name = "COLUMN", default_value = "id")]
    pub(crate) sort: Column,
    /// Reverse the order
    #[arg(short, long)]
    pub(crate) reverse: bool,
    /// Show only rings for which this is true, for example 'name~^ev and fill>50'
    #[arg(short, long, value_name = "EXPRESSION")]
    pub(crate) filter: Option<Filter>,
    /// End after N looks, not counting the first one
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Print tables, without a screen
    #[arg(short, long)]
    pub(crate) batch: bool,
    /// Print one JSON object per line, for each ring and look; docs/inspecting.md has the fields
    ///
    /// What is not known is null, never 0.
    #[arg(long)]
    pub(crate) json: bool,
    /// Count lost records of all rings in the kernel, exactly, whoever wrote the programs
    ///
    /// It attaches a program to the kernel's reservation of records, which costs each reservation
    /// some nanoseconds. Linux 5.10 to 6.12 permit it. Elsewhere it says why not, and goes on
    /// without.
    #[arg(long)]
    pub(crate) attach: bool,
    /// Show the positions that `ringbuf record` has kept in this file, without this machine's rings
    ///
    /// `-` is standard input. A step of --interval of the recording is shown at a time; with -b and --json without
    /// waiting. Heads, readers and programs are not recorded, so they are n/a.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["maps", "attach"])]
    pub(crate) replay: Option<std::path::PathBuf>,
    /// With --replay, show X times as much of the recording at a time: from 0.001 to 1000000
    #[arg(long, value_name = "X", requires = "replay", default_value = "1", value_parser = speed)]
    pub(crate) speed: f64,
    /// Look twice, print once, and end: as --batch --count 1
    #[arg(long, conflicts_with = "count")]
    pub(crate) once: bool,
}

/// A time that is not too short.
fn interval(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time < LEAST {
        return Err("use at least 1ms: faster looks slow down the programs of a ring".to_owned());
    }
    Ok(time)
}

/// How fast a recording is shown.
pub(crate) fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse::<f64>().ok().filter(|speed| (0.001..=1e6).contains(speed));
    speed.ok_or_else(|| "use a number from 0.001 to 1000000".to_owned())
}

/// The steps of the keys + and -, in milliseconds.
const STEPS: [u64; 15] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

/// The next longer interval, if there is one.
pub(super) fn longer(interval: Duration) -> Duration {
    let mut steps = STEPS.map(Duration::from_millis).into_iter();
    steps.find(|step| *step > interval).unwrap_or(interval)
}

/// The next shorter interval, if there is one.
pub(super) fn shorter(interval: Duration) -> Duration {
    let mut steps = STEPS.map(Duration::from_millis).into_iter();
    steps.rfind(|step| *step < interval).unwrap_or(interval)
}

const AFTER: &str = "\
Examples:
  sudo ringbuf top                             all rings, on a screen
  sudo ringbuf top -s fill -f 'fill>50'        those that are more than half full, fullest first
  sudo ringbuf top --json --once | jq 'select(.state != \"ok\")'
  sudo ringbuf top -b -i 10s >>log             a table every ten seconds

Keys:
  j k, arrows   choose a ring              Enter  details and history of it
  s S           sort by the next, the previous column       r  reverse the order
  /             filter (Enter ends, Esc drops it)           p  pause
  + -           longer, shorter interval   d  `ringbuf dump` of the ring
  a             --attach on and off        ?  help           q, Esc  back, and quit

Columns:
  FILL      produced and not given back by the reader, of the size of the ring
  HIGH      the most of FILL that was seen
  IN/s      bytes produced per second; OUT/s: given back
  REC/s     records per second; ~ if only a part was counted, and the rest estimated by bytes
  LOST/s    failed reservations per second, if somebody counts them: the programs do with
            ringbuf.bpf.h (docs/losses.md), and the kernel does with --attach. The title names
            the source.
  HEAD      for how long the first record has been reserved and not committed
  READER    the process that maps the consumer page writable; `epoll`: it waits for the ring.
            For a user ring, the process that produces.
  n/a       not known, which is not 0

States, the most severe first:
  CORRUPT      positions that no owner stores
  STUCK HEAD   the first record was reserved and not committed, for 100 ms or more: nothing
               behind it can be read
  NO READER    no process maps the consumer page writable
  TWO READERS  several do: they take each other's records
  READER HUNG  the reader left a committed record alone for 1 s or more while others came, or
               is stopped
  FULL         another record like the first one finds no room, or less than 1/64 is free
  NO PROGRAM   no loaded program uses the map
  near full    above 80 %
  ok           none of these

Filters:
  TERM [and TERM..], with the terms
  name~^ev     text matches a regular expression: name, state, reader, program, kind
  state=full   text is equal, or not with !=; a state is any of those that the ring has
  fill>50      numbers, also < <= >= = !=: id, size, fill and high (percent), in, out, rec, lost
               (per second), head (seconds). K, M, G: 1024 times
  What is not known matches nothing. Quote a value with spaces: reader~\"my agent\"

Environment:
  NO_COLOR  if set, no colours. Without UTF-8 in LC_ALL, LC_CTYPE or LANG, bars are ASCII.

Privilege:
  As `ringbuf list`: root, or CAP_BPF and CAP_PERFMON; REC/s and LOST/s need CAP_SYS_ADMIN.

Exit code:
  0  success, whatever the states; also after Ctrl-C, SIGTERM and SIGHUP
  1  error while running
  2  wrong usage
  3  not possible here; the message says what is missing";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_have_steps_and_an_end() {
        let ms = Duration::from_millis;
        assert_eq!((longer(ms(1000)), shorter(ms(1000))), (ms(2000), ms(500)));
        assert_eq!((longer(ms(7)), shorter(ms(7))), (ms(10), ms(5)));
        assert_eq!((longer(ms(60_000)), shorter(ms(1))), (ms(60_000), ms(1)));
        assert_eq!(interval("200ms"), Ok(ms(200)));
        assert!(interval("999us").unwrap_err().contains("at least 1ms"));
        assert!(interval("x").is_err());
    }
}
