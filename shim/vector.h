/*
 * Calls of the C library and of libunwind from the slow path of patched code. The recorder itself is compiled without
 * vector registers (-mgeneral-regs-only), so that this path need not save any; they may use them. See vector.c.
 */
#ifndef SHIM_VECTOR_H
#define SHIM_VECTOR_H

/* Calls function(data) and leaves every vector, mask and x87 register as it was. It runs on the stack that ends at `stack`
 * (a multiple of 64), or on the present one if that is NULL. */
void vector_keep(void (*function)(void *), void *data, void *stack);

#endif
