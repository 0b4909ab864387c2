/* Stands in for the header of the same name of the kernel's selftests. */
#pragma once

#include <asm/unistd.h>

/* Keeps a value that nothing else uses. */
#define __sink(value) __asm__ volatile("" : : "r"(value) : "memory")
