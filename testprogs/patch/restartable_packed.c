/*
 * The same where the linker has packed the relocations that tell of the sequence's descriptor: in the copy of its function, and
 * without a restart, threads that take turns on a processor race, and counts are lost.
 *
 * EXPECT: none
 * MODE: patched lazy
 * LIBS: -Wl,-z,pack-relative-relocs
 */
#include "restartable.c"
