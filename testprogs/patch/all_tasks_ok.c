/*
 * The C library patched, too, but not libgomp, whose order is known at its entry points only: what it has malloc, free and
 * memcpy do to the blocks of tasks, and how the recorder looks for its functions, are not the program's accesses.
 *
 * EXPECT: none
 * MODE: plain
 * ENV: GOROCHECK_OPTIONS=patch=all
 * CFLAGS: -fopenmp
 */
#include "../sync/openmp_tasks_ok.c"
