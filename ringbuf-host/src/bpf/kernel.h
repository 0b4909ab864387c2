/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The kernel types that the iterators read, as far as they read them. libbpf moves each access
 * to where the running kernel has the field.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <linux/bpf.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct seq_file;
struct pid_namespace;

struct list_head {
	struct list_head *next;
};

struct wait_queue_head {
	struct list_head head;
};

/* The kernel's name for it in structs. */
typedef struct wait_queue_head wait_queue_head_t;

struct wait_queue_entry {
	void *private;
	struct list_head entry;
};

typedef struct wait_queue_entry wait_queue_entry_t;

/* fs/eventpoll.c */
struct eventpoll {
	wait_queue_head_t wq;
	wait_queue_head_t poll_wait;
};

struct epitem {
	struct eventpoll *ep;
};

struct eppoll_entry {
	struct epitem *base;
	wait_queue_entry_t wait;
	wait_queue_head_t *whead;
};

typedef struct {
	__s64 counter;
} atomic64_t;

struct bpf_map {
	enum bpf_map_type map_type;
	__u32 max_entries;
	__u32 map_flags;
	__u32 id;
	char name[16];
	struct bpf_map *inner_map_meta;
	atomic64_t refcnt;
	atomic64_t usercnt;
};

/* kernel/bpf/ringbuf.c */
struct bpf_ringbuf {
	wait_queue_head_t waitq;
	unsigned long consumer_pos;
	unsigned long producer_pos;
	char data[];
};

struct bpf_ringbuf_map {
	struct bpf_map map;
	struct bpf_ringbuf *rb;
};

struct bpf_array {
	struct bpf_map map;
	void *ptrs[0];
};

struct bpf_prog_aux {
	__u32 id;
	__u32 used_map_cnt;
	struct bpf_map **used_maps;
	char name[16];
};

struct bpf_prog {
	enum bpf_prog_type type;
	struct bpf_prog_aux *aux;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[];
};

struct task_struct {
	int tgid;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	char comm[16];
};

struct file {
	const void *f_op;
	void *private_data;
};

struct vm_area_struct {
	unsigned long vm_flags;
	unsigned long vm_pgoff;
	struct file *vm_file;
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
};

struct bpf_iter__bpf_prog {
	struct bpf_iter_meta *meta;
	struct bpf_prog *prog;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

struct bpf_iter__task_vma {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct vm_area_struct *vma;
};

#pragma clang attribute pop

/* `enum bpf_map_type`; Linux 5.8 headers have no user ring. */
#define RING 27
#define USER_RING 31
#define ARRAY_OF_MAPS 12
#define HASH_OF_MAPS 13

static __always_inline int is_ring(__u32 map_type)
{
	return map_type == RING || map_type == USER_RING;
}

#endif
