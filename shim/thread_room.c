/*
 * Of a small stack we take a part: our thread-local variables lie on it, and so do the frames of what a call or an access
 * does in us. So who asks for one gets that much more. A stack of the program's own memory stays as it is.
 */
#include "shim/thread.h"

#include "shim/apart.h"
#include "shim/real.h"

#include "shim/banned.h"

#define STACK_SMALL ((size_t)1 << 20)
#define STACK_MORE  ((size_t)16 << 10)

static int create(pthread_t *handle, const pthread_attr_t *attributes, void *(*routine)(void *),
                  void *argument)
{
    int result;
    APART_AGAIN(result = real.pthread_create(handle, attributes, routine, argument),
                result == EAGAIN);
    return result;
}

int thread_create_with_room(pthread_t *handle, const pthread_attr_t *attributes,
                            void *(*routine)(void *), void *argument)
{
    void *low;
    size_t size;
    if (!attributes || pthread_attr_getstack(attributes, &low, &size) != 0 || size == 0 ||
        size >= STACK_SMALL || (uintptr_t)low + size != 0)
        return create(handle, attributes, routine, argument);
    pthread_attr_t with_room = *attributes; /* read only: what it points to stays the program's */
    pthread_attr_setstacksize(&with_room, size + STACK_MORE);
    return create(handle, &with_room, routine, argument);
}

int thread_create_c11(thrd_t *handle, thrd_start_t routine, void *argument)
{
    int result;
    APART_AGAIN(result = real.thrd_create(handle, routine, argument), result == thrd_error);
    return result;
}
