/* Stands in for the header of the same name of the kernel's selftests: as much of it as the
 * tests of ring buffers use. runner.c has the functions. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/build_bug.h>
#include <linux/types.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#endif

/* Begins a subtest, in a process of its own. Returns false in the caller. */
bool test__start_subtest(const char *name);
/* Notes a check of the running subtest. Returns whether it holds. */
bool noted(bool holds, const char *name, long found, long wanted);
/* Notes a failure, with a text. */
void failed(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define CHECK(wrong, name, ...) \
	({ bool is_wrong = (wrong); if (is_wrong) failed(name ": " __VA_ARGS__); is_wrong; })
#define PRINT_FAIL(...) failed(__VA_ARGS__)

#define COMPARED(found, operator, wanted, name) \
	({ typeof(found) f = (found); typeof(wanted) w = (wanted); \
	   noted(f operator w, name, (long)f, (long)w); })
#define ASSERT_EQ(found, wanted, name) COMPARED(found, ==, wanted, name)
#define ASSERT_GE(found, wanted, name) COMPARED(found, >=, wanted, name)
#define ASSERT_GT(found, wanted, name) COMPARED(found, >, wanted, name)
#define ASSERT_LE(found, wanted, name) COMPARED(found, <=, wanted, name)
#define ASSERT_LT(found, wanted, name) COMPARED(found, <, wanted, name)

#define ASSERT_OK(result, name) ({ long r = (result); noted(r == 0, name, r, 0); })
#define ASSERT_ERR(result, name) ({ long r = (result); noted(r < 0, name, r, -1); })
/* NULL, and MAP_FAILED of mmap, are errors. */
#define IS_ERROR(pointer) (!(pointer) || (unsigned long)(pointer) >= -4095UL)
#define ASSERT_OK_PTR(pointer, name) \
	({ const void *p = (pointer); noted(!IS_ERROR(p), name, (long)p, 0); })
#define ASSERT_ERR_PTR(pointer, name) \
	({ const void *p = (pointer); noted(IS_ERROR(p), name, (long)p, -1); })

/* These load programs that the verifier must refuse: no library takes part. */
#define RUN_TESTS(skeleton)
