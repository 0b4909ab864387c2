/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Ring buffers with loss counters, for BPF programs that libbpf (or a library that reads
 * its objects) loads. Include vmlinux.h or <linux/bpf.h>, and <bpf/bpf_helpers.h>, before
 * this file. It needs nothing else. Linux 5.10 and later load it. docs/losses.md explains
 * what the counters can say.
 *
 *	RINGBUF(events, 256 * 1024);
 *	RINGBUF_RECORD(events, struct event);
 *
 *	struct event *event = ringbuf_reserve(events, sizeof(*event));
 *	if (!event)
 *		return 0;                       // counted
 *	event->pid = bpf_get_current_pid_tgid() >> 32;
 *	ringbuf_submit(events, event, 0);
 *
 * For a ring in each CPU, cluster or node, only the declaration changes:
 *
 *	RINGBUF_SHARDS(events, 256 * 1024);
 *
 * Programs that interrupt or preempt each other may use one ring: the counters are
 * changed by atomic adds. The compiler must not turn them into plain increments, which
 * lose counts then.
 */
#ifndef RINGBUF_BPF_H
#define RINGBUF_BPF_H

/*
 * Are attempts counted, besides failures? An expression: 0, 1, or a global variable that
 * the loader sets before it loads:
 *
 *	const volatile __u32 count_attempts = 0;
 *	#define RINGBUF_ATTEMPTS count_attempts
 *	#include "ringbuf.bpf.h"
 *
 * The verifier removes the code if such a variable is 0. All programs of an object must
 * agree, or the sum does not hold.
 */
#ifndef RINGBUF_ATTEMPTS
#define RINGBUF_ATTEMPTS 0
#endif

/* Places in an array of shards, if the loader does not choose: the CPUs from 0 on. */
#ifndef RINGBUF_CPUS
#define RINGBUF_CPUS 512
#endif

/*
 * The flags that all rings of an array of shards have. The kernel compares them with those
 * of the rings that the loader puts in, and refuses others. So if the loader makes rings
 * on NUMA nodes, this is BPF_F_NUMA_NODE.
 */
#ifndef RINGBUF_SHARD_FLAGS
#define RINGBUF_SHARD_FLAGS 0
#endif

/*
 * The counters, layout 1. The map of a ring `events` is `events_counts`: a per-CPU array of
 * one entry with this value of 64 bytes. The kernel keeps 15 bytes of a name, so tools
 * look for the first 15 bytes of the name of the ring (as the kernel shows it) and "_counts".
 *
 * attempted - full - too_big - no_ring - other = records reserved. A program is between the
 * add to `attempted` and its outcome for a moment. Later layouts give names to reserved
 * words, or are longer; what is here keeps its place and its meaning.
 */
struct ringbuf_counts {
	__u64 attempted;   /* calls of reserve or output; always 0 if they are not counted */
	__u64 full;        /* refused: there was no room, and there still was none just after */
	__u64 too_big;     /* refused: the record does not fit into an empty ring */
	__u64 no_ring;     /* refused: no ring is in the place of this CPU (shards only) */
	__u64 other;       /* refused: bad flags, the lock was not free (in an NMI), or room was
			    * given back between the refusal and the question for its reason */
	__u64 reserved[3]; /* 0 */
};

/*
 * Where a reader of this project saves its own counts, so that a reader after it goes on
 * counting (ringbuf-kernel's SavedCounts). The words belong to the reader.
 */
struct ringbuf_saved {
	__u64 words[16];
};

/* Declares a ring of `bytes`, a power of two and a multiple of the page size. */
#define RINGBUF(map, bytes)                             \
	struct {                                        \
		__uint(type, BPF_MAP_TYPE_RINGBUF);     \
		__uint(max_entries, bytes);             \
	} map SEC(".maps");                             \
	RINGBUF_COUNTED(map)

/* For a ring that is declared already, before it is used with these macros. */
#define RINGBUF_COUNTED(map)                                                             \
	static __attribute__((unused)) __always_inline void *ringbuf_of_##map(void)      \
	{                                                                                \
		return &map;                                                             \
	}                                                                                \
	RINGBUF_COUNTS_(map)

/*
 * Declares an array of rings. A program takes the ring in the place of its CPU:
 *
 *   place c holds the ring of CPU c; CPUs that share a ring have it in each of their places.
 *
 * What the loader does:
 * 1. Before loading: set the `max_entries` of the array to the possible CPUs
 *    (/sys/devices/system/cpu/possible, the highest number and 1), if RINGBUF_CPUS
 *    does not suffice.
 * 2. Make the rings, of any sizes, with the flags RINGBUF_SHARD_FLAGS, as many as wanted: one
 *    for each CPU, last-level cache, node, or any number.
 * 3. Before the programs are attached: write the descriptor of the ring of each possible
 *    CPU into its place (BPF_MAP_UPDATE_ELEM). An empty place costs its CPU all records;
 *    they are counted as `no_ring`.
 *
 * The counters are per CPU, so those of a ring are the sum over the CPUs whose places hold it.
 * `bytes` is the size of the model ring that the kernel wants to see; libbpf makes and drops it.
 */
#define RINGBUF_SHARDS(map, bytes)                                                       \
	struct ringbuf_model_##map {                                                     \
		__uint(type, BPF_MAP_TYPE_RINGBUF);                                      \
		__uint(max_entries, bytes);                                              \
		__uint(map_flags, RINGBUF_SHARD_FLAGS);                                  \
	};                                                                               \
	struct {                                                                         \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                \
		__uint(max_entries, RINGBUF_CPUS);                                       \
		__type(key, __u32);                                                      \
		__array(values, struct ringbuf_model_##map);                             \
	} map SEC(".maps");                                                              \
	static __attribute__((unused)) __always_inline void *ringbuf_of_##map(void)      \
	{                                                                                \
		__u32 cpu = bpf_get_smp_processor_id();                                  \
		return bpf_map_lookup_elem(&map, &cpu);                                  \
	}                                                                                \
	RINGBUF_COUNTS_(map)

/* Declares the map `events_saved` of a ring `events`. Programs do not touch it. */
#define RINGBUF_SAVED(map)                              \
	struct {                                        \
		__uint(type, BPF_MAP_TYPE_ARRAY);       \
		__uint(max_entries, 1);                 \
		__uint(map_flags, BPF_F_MMAPABLE);      \
		__type(key, __u32);                     \
		__type(value, struct ringbuf_saved);    \
	} map##_saved SEC(".maps")

/*
 * Puts the type of the records into the type information (BTF) of the program, where tools
 * find it as the variable `ringbuf_record_events`. Makes no map, and takes no memory in
 * the kernel. If a ring has records of several types, name a union of them.
 */
#define RINGBUF_RECORD(map, type_) type_ *ringbuf_record_##map SEC(".ringbuf.record")

/*
 * As bpf_ringbuf_reserve: `size` is a constant, and the result may be NULL. Each record
 * that is reserved must be submitted or discarded.
 */
#define ringbuf_reserve(map, size) ringbuf_reserve_(ringbuf_of_##map(), &map##_counts, size)

/*
 * Reserves a `type`, and writes the time (bpf_ktime_get_ns) into its `field`: for records
 * that are merged in the order of their times. The time is taken after the reservation, so
 * a record that a reader has not seen yet is never older than its last look at the ring.
 * bpf_ringbuf_output cannot do that: its record must have its time before.
 */
#define ringbuf_reserve_stamped(map, type, field)                        \
	({                                                               \
		type *record_ = ringbuf_reserve(map, sizeof(type));      \
		if (record_)                                             \
			record_->field = bpf_ktime_get_ns();             \
		record_;                                                 \
	})

/* As bpf_ringbuf_output: `size` may vary. Returns 0, or a negative error. */
#define ringbuf_output(map, data, size, flags) \
	ringbuf_output_(ringbuf_of_##map(), &map##_counts, data, size, flags)

/*
 * As bpf_ringbuf_reserve_dynptr (Linux 5.19), not for shards. Whatever it returns, the dynptr
 * must be submitted or discarded.
 */
#define ringbuf_reserve_dynptr(map, size, ptr)                                     \
	({                                                                         \
		struct ringbuf_counts *counts_ = ringbuf_attempt_(&map##_counts);  \
		__u64 size_ = (size);                                              \
		long error_ = bpf_ringbuf_reserve_dynptr(&map, size_, 0, ptr);     \
		if (error_)                                                        \
			ringbuf_failed_(&map, &map##_counts, counts_, size_);      \
		error_;                                                            \
	})

/* As bpf_ringbuf_submit and bpf_ringbuf_discard. The reader counts both. */
#define ringbuf_submit(map, record, flags) bpf_ringbuf_submit(record, flags)
#define ringbuf_discard(map, record, flags) bpf_ringbuf_discard(record, flags)

/* The rest is for the macros above. */

#define RINGBUF_COUNTS_(map)                                 \
	struct {                                             \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);     \
		__uint(max_entries, 1);                      \
		__type(key, __u32);                          \
		__type(value, struct ringbuf_counts);        \
	} map##_counts SEC(".maps")

/* Relaxed, and without a result: this is BPF_XADD, which all CPUs and kernels have. */
#define RINGBUF_ADD_(counts, field) __atomic_fetch_add(&(counts)->field, 1, __ATOMIC_RELAXED)

static __always_inline struct ringbuf_counts *ringbuf_counts_(void *counts_map)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(counts_map, &zero);
}

static __always_inline struct ringbuf_counts *ringbuf_attempt_(void *counts_map)
{
	struct ringbuf_counts *counts = 0;

	if (RINGBUF_ATTEMPTS) {
		counts = ringbuf_counts_(counts_map);
		if (counts)
			RINGBUF_ADD_(counts, attempted);
	}
	return counts;
}

/* Why was it refused? __bpf_ringbuf_reserve (kernel/bpf/ringbuf.c) has the limits. */
static __always_inline void ringbuf_failed_(void *ring, void *counts_map,
					    struct ringbuf_counts *counts, __u64 size)
{
	__u64 needed = (size + 15) & ~7ULL, capacity;

	if (!counts)
		counts = ringbuf_counts_(counts_map);
	if (!counts)
		return;
	if (!ring) {
		RINGBUF_ADD_(counts, no_ring);
		return;
	}
	capacity = bpf_ringbuf_query(ring, BPF_RB_RING_SIZE);
	if (needed >= capacity || size > 0xffffffffU / 4)
		RINGBUF_ADD_(counts, too_big);
	else if (needed + bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) >= capacity)
		RINGBUF_ADD_(counts, full);
	else
		RINGBUF_ADD_(counts, other);
}

static __always_inline void *ringbuf_reserve_(void *ring, void *counts_map, __u64 size)
{
	struct ringbuf_counts *counts = ringbuf_attempt_(counts_map);
	void *record = ring ? bpf_ringbuf_reserve(ring, size, 0) : 0;

	if (!record)
		ringbuf_failed_(ring, counts_map, counts, size);
	return record;
}

static __always_inline long ringbuf_output_(void *ring, void *counts_map, void *data, __u64 size,
					    __u64 flags)
{
	struct ringbuf_counts *counts = ringbuf_attempt_(counts_map);
	long error = ring ? bpf_ringbuf_output(ring, data, size, flags) : -2;

	if (error)
		ringbuf_failed_(ring, counts_map, counts, size);
	return error;
}

#endif
