// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The same record into a perf event array, one ring, or a ring for each CPU: what a
 * comparison of the three needs.
 *
 * Record, native byte order, 64 bytes:
 *   offset size field
 *        0    8 stamp     bpf_ktime_get_ns(): before the helper that copies, or after the
 *                         reservation
 *        8    8 number    how many records its producer tried before it
 *       16    8 producer  0 or 1
 *       24   40 rest      every word is the number
 *
 * The program is run by BPF_PROG_TEST_RUN, its arguments are the context. It is no syscall
 * program: those are sleepable, and sleepable programs have no perf event array.
 *
 * Needs Linux 5.17 (bpf_loop).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum target {
	PERF_ARRAY,  /* bpf_perf_event_output */
	RING_OUTPUT, /* bpf_ringbuf_output */
	RING,        /* reserve and submit */
	CPU_RING,    /* the same in the ring of this CPU */
};

struct produce {
	__u32 producer; /* 0 or 1 */
	__u32 count;    /* records to try, at most 1 << 23 */
	enum target target;
	__u32 padding;
	__u64 flags;    /* of each output or submit to a ring */
};

/* 128 bytes: no shared line. */
struct producer {
	__u64 tried;
	__u64 refused;
	__u64 padding[14];
} __attribute__((aligned(128)));

struct producer producers[2]; /* each written by its own producer only */

struct record {
	__u64 stamp;
	__u64 number;
	__u64 producer;
	__u64 rest[5];
};

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} ring SEC(".maps");

/* User space puts a ring of any size for each CPU into it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__array(values, struct ring);
} rings SEC(".maps");

struct run {
	void *ctx;
	struct producer *self;
	__u32 producer;
	enum target target;
	__u64 flags;
};

static __always_inline void fill(const struct run *run, struct record *to)
{
	__u64 number = run->self->tried;

	to->number = number;
	to->producer = run->producer;
	for (int i = 0; i < 5; i++)
		to->rest[i] = number;
	to->stamp = bpf_ktime_get_ns();
}

static __always_inline long reserve(const struct run *run, void *into)
{
	struct record *to = bpf_ringbuf_reserve(into, sizeof(*to), 0);

	if (!to)
		return -1;
	fill(run, to);
	bpf_ringbuf_submit(to, run->flags);
	return 0;
}

static __always_inline long cpu_ring(const struct run *run)
{
	__u32 cpu = bpf_get_smp_processor_id();
	void *into = bpf_map_lookup_elem(&rings, &cpu);

	return into ? reserve(run, into) : -1;
}

static __always_inline long output(const struct run *run)
{
	struct record record;

	fill(run, &record);
	if (run->target == RING_OUTPUT)
		return bpf_ringbuf_output(&ring, &record, sizeof(record), run->flags);
	return bpf_perf_event_output(run->ctx, &events, BPF_F_CURRENT_CPU, &record,
				     sizeof(record));
}

static long one(__u64 index, struct run *run)
{
	long refused;

	switch (run->target) {
	case RING:
		refused = reserve(run, &ring);
		break;
	case CPU_RING:
		refused = cpu_ring(run);
		break;
	default:
		refused = output(run);
	}
	run->self->refused += refused != 0;
	run->self->tried++;
	return 0;
}

SEC("raw_tp")
int produce(struct produce *ctx)
{
	struct run run = {
		.ctx = ctx,
		.self = &producers[ctx->producer & 1],
		.producer = ctx->producer & 1,
		.target = ctx->target,
		.flags = ctx->flags,
	};

	bpf_loop(ctx->count, one, &run, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
