// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * One ring buffer operation per run, chosen by user space, so that a test can
 * compare each step with what the protocol says; and two programs that hold a
 * record busy while the test looks.
 *
 * Records: of the size that is asked for. Operation OUTPUT writes bytes of `payload`;
 * the others write nothing, so that the sample holds what the ring held before.
 *
 * Needs Linux 5.19 (dynptr helpers).
 */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#define HOLD_MAX_NS 10000000000ULL
#define PAYLOAD_BYTES 4096

enum op_kind {
	RESERVE_SUBMIT = 0,     /* ret: 1 reserved, 0 refused; flags: of submit */
	RESERVE_DISCARD = 1,    /* the same, flags: of discard */
	RESERVE_WITH_FLAGS = 2, /* 8 bytes, whatever size says; flags: of reserve */
	OUTPUT = 3,             /* ret: of the helper; flags: of output */
	QUERY = 4,              /* ret: of the helper; flags: which value */
	QUERY_INSIDE_PAIR = 5,  /* between reserve(8) and submit; flags: which value */
	DYNPTR_SUBMIT = 6,      /* ret: of reserve_dynptr; flags: of reserve_dynptr */
};

struct op {
	enum op_kind kind;
	__u32 size; /* for a reservation one of the sizes in reserve_and_commit */
	__u64 flags;
	__s64 ret; /* out; -EDOM for a kind or size that is not listed */
};

struct hold {
	__u64 flags;   /* of A's commit */
	__u32 discard; /* A is discarded, not submitted */
	__u32 done;    /* out: 1 if A was released by `go`, 0 if not reserved or out of time */
};

unsigned char payload[PAYLOAD_BYTES]; /* set by user space: what OUTPUT writes */
volatile __u32 go;                    /* set by user space: A may be committed */
volatile __u32 holding;               /* set by the program: A is busy, B committed */
__u32 forged_4072;                    /* hold_forged: a reservation was granted */
__u32 forged_4064;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

/* Reserves `bytes`, which the verifier wants constant, and commits at once. */
#define TRY(bytes)                                                  \
	case bytes: {                                               \
		void *sample = bpf_ringbuf_reserve(&ring, bytes, 0); \
		if (!sample)                                        \
			return 0;                                   \
		if (discard)                                        \
			bpf_ringbuf_discard(sample, flags);         \
		else                                                \
			bpf_ringbuf_submit(sample, flags);          \
		return 1;                                           \
	}

static __always_inline long reserve_and_commit(__u32 size, bool discard, __u64 flags)
{
	switch (size) {
	TRY(0)
	TRY(8)
	TRY(16)
	TRY(4064)
	TRY(4072)
	TRY(4080)
	TRY(4081)
	TRY(4088)
	TRY(4089)
	}
	return -EDOM;
}

static __always_inline long reserve_with_flags(__u64 flags)
{
	void *sample = bpf_ringbuf_reserve(&ring, 8, flags);

	if (!sample)
		return 0;
	bpf_ringbuf_submit(sample, 0);
	return 1;
}

static __always_inline long output(__u32 size, __u64 flags)
{
	if (size > PAYLOAD_BYTES)
		return -EDOM;
	return bpf_ringbuf_output(&ring, payload, size, flags);
}

static __always_inline long query_inside_pair(__u64 which)
{
	void *sample = bpf_ringbuf_reserve(&ring, 8, 0);
	long value;

	if (!sample)
		return -EAGAIN;
	value = bpf_ringbuf_query(&ring, which);
	bpf_ringbuf_submit(sample, 0);
	return value;
}

static __always_inline long dynptr_submit(__u32 size, __u64 flags)
{
	struct bpf_dynptr sample;
	long ret = bpf_ringbuf_reserve_dynptr(&ring, size, flags, &sample);

	/* A reservation that was refused is released all the same. */
	bpf_ringbuf_submit_dynptr(&sample, 0);
	return ret;
}

SEC("syscall")
int op(struct op *ctx)
{
	__u32 size = ctx->size;
	__u64 flags = ctx->flags;

	switch (ctx->kind) {
	case RESERVE_SUBMIT:
		ctx->ret = reserve_and_commit(size, false, flags);
		break;
	case RESERVE_DISCARD:
		ctx->ret = reserve_and_commit(size, true, flags);
		break;
	case RESERVE_WITH_FLAGS:
		ctx->ret = reserve_with_flags(flags);
		break;
	case OUTPUT:
		ctx->ret = output(size, flags);
		break;
	case QUERY:
		ctx->ret = bpf_ringbuf_query(&ring, flags);
		break;
	case QUERY_INSIDE_PAIR:
		ctx->ret = query_inside_pair(flags);
		break;
	case DYNPTR_SUBMIT:
		ctx->ret = dynptr_submit(size, flags);
		break;
	default:
		ctx->ret = -EDOM;
	}
	return 0;
}

static long spin_step(__u32 index, void *unused)
{
	return !!go;
}

static long spin_round(__u32 index, __u64 *deadline)
{
	bpf_loop(1 << 14, spin_step, NULL, 0);
	return go || bpf_ktime_get_ns() > *deadline;
}

static __always_inline void spin_until_go(void)
{
	__u64 deadline = bpf_ktime_get_ns() + HOLD_MAX_NS;

	holding = 1;
	bpf_loop(1 << 23, spin_round, &deadline, 0);
	holding = 0;
}

/* A(8) reserved, B(8) submitted behind it; A stays busy until `go`. */
SEC("syscall")
int hold(struct hold *ctx)
{
	void *a, *b;

	a = bpf_ringbuf_reserve(&ring, 8, 0);
	if (!a)
		return 0;
	b = bpf_ringbuf_reserve(&ring, 8, 0);
	if (!b) {
		bpf_ringbuf_discard(a, 0);
		return 0;
	}
	bpf_ringbuf_submit(b, 0);
	spin_until_go();
	ctx->done = !!go;
	if (ctx->discard)
		bpf_ringbuf_discard(a, ctx->flags);
	else
		bpf_ringbuf_submit(a, ctx->flags);
	return 0;
}

/*
 * A(8) stays busy until `go`; meanwhile user space moves the consumer position
 * past it. Then two reservations that only pending_pos can refuse.
 */
SEC("syscall")
int hold_forged(struct hold *ctx)
{
	void *a, *sample;

	a = bpf_ringbuf_reserve(&ring, 8, 0);
	if (!a)
		return 0;
	spin_until_go();
	ctx->done = !!go;
	/* One test for NULL each: the verifier of 6.1 loses what it knows at a second one. */
	forged_4072 = 0;
	sample = bpf_ringbuf_reserve(&ring, 4072, 0);
	if (sample) {
		bpf_ringbuf_discard(sample, 0);
		forged_4072 = 1;
	}
	forged_4064 = 0;
	sample = bpf_ringbuf_reserve(&ring, 4064, 0);
	if (sample) {
		bpf_ringbuf_discard(sample, 0);
		forged_4064 = 1;
	}
	bpf_ringbuf_discard(a, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
