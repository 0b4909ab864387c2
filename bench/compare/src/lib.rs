//! Our reader beside its peers: libbpf, libbpf-rs, aya and a loop written in C, on the same
//! kernel map and the same BPF load. `cargo xtask bench` runs it.
//!
//! # Method A BPF program that is run on demand produces, on one CPU. One reader thread reads, on
//! another. Each load with waiting runs twice. First both threads are ordinary ones, as in most
//! programs (SCHED_OTHER, timer slack 50 us). Then both are SCHED_FIFO, so that only interrupts
//! disturb them and timers are on time. The readers of a cell (one load on one ring, one kind of
//! threads) take turns within each repetition, in an order that rotates and reverses. Each opens
//! the same map anew. A figure is the median over the repetitions; a ratio is the median of the
//! ratios within a repetition, so that a slow phase of the machine hits both sides. The records
//! that a reader has seen are compared with those that the kernel accepted: number, bytes, order,
//! and a sum of the words where samples are touched (one of each cache line); a reader that differs
//! ends the run.
//!
//! # How to read it
//! - *Saturating*: Mrec/s is the accepted records, and `of alone` compares it with a producer
//!   without a reader, which no reader can exceed. `irq/M` is the interrupts for wakeups (irq_work)
//!   per million records: the traced program pays for each. `blocks/s` is how often the reader gave
//!   up its CPU: returns of epoll, and naps. CPU is the reader's.
//! - *Paced*: `call ns` is the producer's cost per record, with the system call; the row `alone` is
//!   the same without a reader. Latency is from just before the submit to the callback. p50 to p99
//!   are medians over repetitions, p99.9 is of all repetitions together. `alone` commits without
//!   wakeups in both.
//! - *Frontier* (`--only frontier`): how late records are, against the cost of waiting for the
//!   traced program and the reader, from a saturating load to single records, in one table.
//!   Ordinary threads only.
//! - *Prefilled*: a full ring, written and drained on one CPU, so the samples are in its cache.
//!
//! # What is noise On a virtual machine, differences below 10 to 20 % in saturating and paced
//! cells: the host moves virtual CPUs, and one cache line between two of them may take three times
//! as long a second later. Prefilled cells repeat within about 5 %. Other work interrupts ordinary
//! threads, which p99 shows first. The lines at the end count the runs that were disturbed.
//! SCHED_FIFO is throttled to 95 % of each second by default (`kernel.sched_rt_runtime_us`); the
//! rest between two runs keeps the threads below that. Readers that block depend on how fast the
//! machine wakes a CPU, and machines differ much in that.

pub mod frontier;
pub mod header;
pub mod load;
pub mod machine;
pub mod merge;
pub mod meter;
pub mod perf_array;
pub mod plan;
pub mod plot;
pub mod producer;
pub mod readers;
pub mod report;
pub mod seen;
pub mod sets;
pub mod shards;
pub mod statistics;
pub mod top;
pub mod trial;
pub mod wakes;
pub mod work;
