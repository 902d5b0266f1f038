/*
 * Java's annotations: what they say of order is kept, as of a mutex whose holders come after each other; that it is held
 * is not. How often it was held is asked at a recursive unlock and told back at the lock: once.
 */
#include "shim/abi_java.h"

#include "shim/shim.h"

#include "shim/abi.h"

#define JAVA(name, verb)               \
    EXPORT int name(uintptr_t address) \
    {                                  \
        verb((void *)address);         \
        return 1;                      \
    }
JAVA_NAMES(JAVA)
