// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What a record and a notification cost on this machine, for `ringbuf sim --calibrate`. User space
 * runs these programs with BPF_PROG_TEST_RUN, which measures them. Nothing is attached.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define RECORDS 64
#define BYTES 64

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} ring SEC(".maps");

static __always_inline int record(__u64 flags)
{
	void *sample = bpf_ringbuf_reserve(&ring, BYTES, 0);

	if (!sample)
		return 1;
	bpf_ringbuf_submit(sample, flags);
	return 0;
}

/* Records that fitted, by `records`, which runs on one CPU only. Read by user space. */
__u64 fitted;

SEC("tc")
int records(struct __sk_buff *packet)
{
	int failed = 0;

	for (int i = 0; i < RECORDS; i++)
		failed += record(BPF_RB_NO_WAKEUP);
	fitted += RECORDS - failed;
	return failed;
}

SEC("tc")
int silent(struct __sk_buff *packet)
{
	return record(BPF_RB_NO_WAKEUP);
}

SEC("tc")
int notifies(struct __sk_buff *packet)
{
	return record(BPF_RB_FORCE_WAKEUP);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
