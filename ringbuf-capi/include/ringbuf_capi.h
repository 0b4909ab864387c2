/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What libringbuf_capi adds to libbpf's ring buffer functions. Those are declared in
 * <bpf/libbpf.h>, as ever; this header declares no exported function.
 *
 * A program that uses it runs with libbpf as well: ringbuf_capi() then answers NULL.
 * Call its functions in the thread that polls the manager; any thread may write to the waker.
 *
 *	const struct ringbuf_capi *more = ringbuf_capi(rb);
 *	if (more)
 *		more->set_policy(rb, RINGBUF_CAPI_LOW_COST);
 */
#ifndef RINGBUF_CAPI_H
#define RINGBUF_CAPI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ring_buffer;

/* How ring_buffer__poll waits: RINGBUF_POLICY of the environment has the same names. */
enum ringbuf_capi_policy {
	RINGBUF_CAPI_BALANCED = 0,    /* naps under dense traffic, for 1 ms at most in one call */
	RINGBUF_CAPI_LOW_LATENCY = 1, /* spins: needs a CPU of its own */
	RINGBUF_CAPI_LOW_COST = 2,    /* naps of 1 ms, for 10 ms at most in one call */
	RINGBUF_CAPI_IMMEDIATE = 3,   /* as libbpf */
};

struct ringbuf_capi_stats {
	size_t size;        /* set it to sizeof(struct ringbuf_capi_stats) */
	uint64_t delivered; /* samples */
	uint64_t discarded; /* records that were skipped */
	uint64_t lag;       /* bytes that are not consumed */
	uint64_t capacity;  /* bytes */
	uint64_t busy_ns;   /* since when polls found the head busy; 0 if it is not */
};

struct ringbuf_capi {
	size_t size;         /* of this struct: later versions append members */
	const char *version; /* as in "0.1.0" */
	/* 0, or -EINVAL. Not while a poll of this manager runs. */
	int (*set_policy)(struct ring_buffer *rb, int policy);
	/* Of one ring, in order of add. 0, -ERANGE, or -EINVAL if stats->size is too small. */
	int (*stats)(const struct ring_buffer *rb, unsigned int index,
		     struct ringbuf_capi_stats *stats);
	/*
	 * An eventfd that ends polls: write 8 bytes, a number above 0, from any thread or
	 * signal handler. The poll returns what it has delivered, perhaps 0. Call it once
	 * before the first poll; the manager closes the descriptor.
	 */
	int (*waker)(const struct ring_buffer *rb);
	/*
	 * As ring_buffer__consume_n, and ends after deadline_ns of CLOCK_MONOTONIC. Each
	 * ring gets 64 samples at least.
	 */
	int (*consume_until)(struct ring_buffer *rb, size_t most, uint64_t deadline_ns);
};

/* The first words of a manager of this library. Of libbpf's, the first is a pointer. */
struct ringbuf_capi_handle {
	uint64_t magic;
	const struct ringbuf_capi *more;
};

#define RINGBUF_CAPI_MAGIC UINT64_C(0xb1f05eedb0ffe501)

/* NULL if another library made this manager. */
static inline const struct ringbuf_capi *ringbuf_capi(const struct ring_buffer *rb)
{
	const struct ringbuf_capi_handle *handle = (const struct ringbuf_capi_handle *)(const void *)rb;

	return handle && handle->magic == RINGBUF_CAPI_MAGIC ? handle->more : NULL;
}

#ifdef __cplusplus
}
#endif

#endif
