//! The arguments of `ringbuf dump`.

use clap::{Args, ValueEnum};

use crate::typed::{Asked, BtfFrom};

/// Show the records of a ring that others read, without consuming them
///
/// It copies the records that the reader has not given back, and stores nothing. With --follow
/// it goes on, beside the reader, with everything that comes. Records are printed by the type
/// that the program declares for them, or by --type; without a type, as bytes.
#[derive(Args, Debug)]
#[command(after_help = "`ringbuf dump --help` shows examples and more.")]
#[command(after_long_help = AFTER)]
pub(crate) struct Dump {
    /// The map: an id (a number always is one), a name, or the path of a pin (with a slash in it)
    #[arg(value_name = "MAP")]
    pub(crate) map: String,
    /// Stop after N records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// How to print a record
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: DumpFormat,
    /// Go on with the records that come, until Ctrl-C, or until nobody reads the output
    #[arg(long)]
    pub(crate) follow: bool,
    /// The type of the records: `struct event`, `union u`, or a name alone; with TAG=, of those
    /// whose first member is TAG, a number or the name of a value of its enum. Can be given
    /// several times, with tags
    #[arg(long = "type", value_name = "[TAG=]TYPE")]
    pub(crate) types: Vec<Asked>,
    /// Where types are: an object or raw BTF, `vmlinux`, or `prog:ID` [default: the programs
    /// that use the map]
    #[arg(long, value_name = "FILE|vmlinux|prog:ID")]
    pub(crate) btf: Option<BtfFrom>,
    /// Print the types that there are, instead of records
    #[arg(long, conflicts_with_all = ["count", "follow"])]
    pub(crate) list_types: bool,
    /// Print each member of a record on a line of its own
    #[arg(long)]
    pub(crate) pretty: bool,
    /// In JSON, print integers of more than 32 bits as strings, because jq and JavaScript
    /// round above 2^53
    #[arg(long)]
    pub(crate) json_strings: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DumpFormat {
    /// One line for each record, by its type; as hex if that is not known
    Text,
    /// One JSON object per line
    Json,
    /// Sixteen bytes in a line, with ASCII
    Hex,
    /// The bytes of the records, and nothing between them
    Raw,
}

const AFTER: &str = "\
Examples:
  sudo ringbuf dump events                       what is pending in the ring named events
  sudo ringbuf dump 57 --follow --format json | jq .value   all records from now on
  sudo ringbuf dump 57 --type event              by the type `event` of the program
  sudo ringbuf dump 57 --type 1=open --type 2=close   of two types, by the first member
  sudo ringbuf dump 57 --type 'struct event' --btf prog.o  by the type of an object
  sudo ringbuf dump 57 --list-types              the types that its programs have

What is printed:
  record     a submitted record. Its copy is whole: records that are written over meanwhile are
             not printed. The reader may have read it already, and not given it back.
  busy       reserved and not committed: its bytes are not complete
  discarded  its producer has discarded it
  missed     bytes of the ring that went before they could be copied

The type of the records, the first that is found:
  asked      --type
  declared   RINGBUF_RECORD(map, type) in the program, from ringbuf.bpf.h
  gadget     a variable gadget_tracer_NAME___MAP___TYPE, as Inspektor Gadget has it
  guessed    the only struct that a global pointer of the program points to, and that is as long
             as the record: `const struct event *unused __attribute__((unused))`
  If a ring has records of several types, which begin with a number of one size, name each with
  its number: --type 1=open --type 2=close. Records that begin with another one are printed as
  bytes. Or name a union of them.

  A record that is shorter than its type shows the members that are there, and how many bytes
  are missing. Bytes beyond the type are shown as `rest`.

  With --format json the fields are \"schema\" (1), \"id\", \"position\", \"state\", \"len\",
  \"bytes\" in hexadecimal (null unless it is a record), \"type\", \"how\", \"value\", \"missing\",
  \"rest\" (null if the type is not known). docs/inspecting.md says how values are printed.

  --follow looks each millisecond, and misses nothing while the ring does not fill in that time.
  It waits for busy records. The map stays until it ends, even if its owner goes.

  At the end, a summary on standard error counts all of them.

Privilege:
  By id or by name, you need CAP_SYS_ADMIN: CAP_BPF and CAP_PERFMON list a ring, and do not open
  it. For a pin, permission to read and write it is enough (on Linux before 5.19 also CAP_BPF,
  where unprivileged BPF is disabled). Without CAP_SYS_ADMIN, the programs of a ring and the type
  of its records are not known: name one with --type and --btf.

Exit code: as `ringbuf list --help` says.";
