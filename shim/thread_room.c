/*
 * What a thread is made with. Without attributes it gets those that pthread_setattr_default_np has set, a C11 thread too.
 * Of a small stack we take a part: our thread-local variables lie on it, and so do the frames of what a call or an access
 * does in us. So who asks for one gets that much more; who brings one has it for frames alone (own_stack.c).
 */
#include "shim/thread.h"

#include "shim/apart.h"
#include "shim/own_stack.h"
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

void thread_wish(const pthread_attr_t *attributes, bool *detached, bool *inherits)
{
    pthread_attr_t defaults;
    const pthread_attr_t *wish = attributes ? attributes : &defaults;
    *detached = false;
    *inherits = true;
    if (!attributes && pthread_getattr_default_np(&defaults) != 0)
        return;
    int state;
    sigset_t own;
    *detached = pthread_attr_getdetachstate(wish, &state) == 0 && state == PTHREAD_CREATE_DETACHED;
    *inherits = pthread_attr_getsigmask_np(wish, &own) == PTHREAD_ATTR_NO_SIGMASK_NP;
    if (!attributes)
        pthread_attr_destroy(&defaults);
}

int thread_create_with_room(pthread_t *handle, const pthread_attr_t *attributes,
                            void *(*routine)(void *), void *argument)
{
    pthread_attr_t with_room; /* read only: what it points to stays the program's */
    if (attributes)
        with_room = *attributes;
    else if (pthread_getattr_default_np(&with_room) != 0)
        return create(handle, NULL, routine, argument);
    void *low;
    size_t size;
    struct own_stack *own = NULL;
    bool small =
        pthread_attr_getstack(&with_room, &low, &size) == 0 && size != 0 && size < STACK_SMALL;
    bool brought = (uintptr_t)low + size != 0;
    if (small && brought)
        own = own_stack_get(&with_room, (uintptr_t)low, size, routine, argument);
    else if (small)
        pthread_attr_setstacksize(&with_room, size + STACK_MORE);
    int result = own ? create(handle, &with_room, own_stack_main, own)
                     : create(handle, small ? &with_room : attributes, routine, argument);
    if (own && result != 0)
        own_stack_put(own);
    if (!attributes)
        pthread_attr_destroy(&with_room);
    return result;
}

int thread_create_c11(thrd_t *handle, thrd_start_t routine, void *argument)
{
    int result;
    APART_AGAIN(result = real.thrd_create(handle, routine, argument), result == thrd_error);
    return result;
}
