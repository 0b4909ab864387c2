// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * One ring buffer operation per run, chosen by user space, so that a test can compare
 * each step with the protocol; and two programs that hold a record busy while the test
 * looks.
 *
 * Records: of the size that is asked for. Operation OUTPUT writes bytes of `payload`;
 * the others write nothing, so the sample holds the old bytes of the ring.
 *
 * The programs are run by BPF_PROG_TEST_RUN, their arguments are the context. Loops are
 * bounded and in global functions, for the reason in loop.h: Linux 5.10 loads them.
 *
 * Needs Linux 5.10 (test runs of raw tracepoint programs); with_dynptr needs 5.19.
 */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include "loop.h"

#define HOLD_MAX_NS 10000000000ULL
#define PAYLOAD_BYTES 4096

enum op_kind {
	RESERVE_SUBMIT = 0,     /* ret: 1 reserved, 0 refused; flags: of submit */
	RESERVE_DISCARD = 1,    /* the same, flags: of discard */
	RESERVE_WITH_FLAGS = 2, /* 8 bytes, whatever size says; flags: of reserve */
	OUTPUT = 3,             /* ret: of the helper; flags: of output */
	QUERY = 4,              /* ret: of the helper; flags: which value */
	QUERY_INSIDE_PAIR = 5,  /* between reserve(8) and submit; flags: which value */
	DYNPTR_SUBMIT = 6,      /* ret: of reserve_dynptr; flags: of reserve_dynptr; with_dynptr */
};

struct op {
	enum op_kind kind;
	__u32 size; /* for a reservation one of the sizes in reserve_and_commit */
	__u64 flags;
};

struct hold {
	__u64 flags;   /* of A's commit */
	__u64 discard; /* not 0: A is discarded, not submitted */
};

/* Set before loading: whether the kernel has dynptrs. If not, the verifier sees no dynptr. */
const volatile __u32 with_dynptr = 0;

__s64 result;                         /* of the latest op; -EDOM if it is not listed */
__u32 released;                       /* by the latest hold: 1 if A was released by `go` */
unsigned char payload[PAYLOAD_BYTES]; /* set by user space: what OUTPUT writes */
volatile __u32 go;                    /* set by user space: A may be committed */
volatile __u32 holding;               /* set by the program: 1 A is busy, B committed; 2 no more */
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
	long ret;

	if (!with_dynptr)
		return -EDOM;
	ret = bpf_ringbuf_reserve_dynptr(&ring, size, flags, &sample);
	/* A reservation that was refused is released all the same. */
	bpf_ringbuf_submit_dynptr(&sample, 0);
	return ret;
}

static __always_inline long operate(__u32 kind, __u32 size, __u64 flags)
{
	switch (kind) {
	case RESERVE_SUBMIT:
		return reserve_and_commit(size, false, flags);
	case RESERVE_DISCARD:
		return reserve_and_commit(size, true, flags);
	case RESERVE_WITH_FLAGS:
		return reserve_with_flags(flags);
	case OUTPUT:
		return output(size, flags);
	case QUERY:
		return bpf_ringbuf_query(&ring, flags);
	case QUERY_INSIDE_PAIR:
		return query_inside_pair(flags);
	case DYNPTR_SUBMIT:
		return dynptr_submit(size, flags);
	}
	return -EDOM;
}

SEC("raw_tp")
int op(struct op *ctx)
{
	result = operate(ctx->kind, ctx->size, ctx->flags);
	return 0;
}

/* Reading the time takes a while, so all rows together last beyond the deadline. */
REPEAT(spin_1, (__u64 deadline), go || bpf_ktime_get_ns() > deadline)
REPEAT(spin_2, (__u64 deadline), spin_1(deadline))
REPEAT(spin_3, (__u64 deadline), spin_2(deadline))
REPEAT(spin_4, (__u64 deadline), spin_3(deadline))

__noinline int spin_until_go(void)
{
	__u64 deadline = bpf_ktime_get_ns() + HOLD_MAX_NS;

	holding = 1;
	LOOP_ROW(i, ROW_MAX) {
		if (spin_4(deadline))
			break;
	}
	holding = 2;
	return 1;
}

/* A(8) reserved, B(8) submitted behind it; A stays busy until `go`. */
SEC("raw_tp")
int hold(struct hold *ctx)
{
	void *a, *b;

	released = 0;
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
	released = !!go;
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
SEC("raw_tp")
int hold_forged(struct hold *ctx)
{
	void *a, *sample;

	released = 0;
	a = bpf_ringbuf_reserve(&ring, 8, 0);
	if (!a)
		return 0;
	spin_until_go();
	released = !!go;
	/* One test for NULL each: at a second one, the verifier of 6.1 forgets the first. */
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
