/*
 * The dynamic annotations that programs carry, all of them: those that say something of an order, a lock or a queue, parts
 * and bytes that are not to be reported, and those that the analysis has no use for.
 *
 * EXPECT: none
 * MODE: instrumented clang
 */
#include <pthread.h>
#include <stdio.h>

#include "../order.h"
#include "../support/spin.h"

#define NOTHING(X)                  \
    X(AnnotateIgnoreSyncBegin)      \
    X(AnnotateIgnoreSyncEnd)        \
    X(AnnotatePCQCreate)            \
    X(AnnotatePCQDestroy)           \
    X(AnnotateMutexIsNotPHB)        \
    X(AnnotateMutexIsUsedAsCondVar) \
    X(AnnotateTraceMemory)          \
    X(AnnotateNoOp)                 \
    X(AnnotateEnableRaceDetection)  \
    X(AnnotateFlushState)           \
    X(AnnotateFlushExpectedRaces)   \
    X(AnnotateExpectRace)           \
    X(AnnotateNewMemory)            \
    X(AnnotatePublishMemoryRange)   \
    X(AnnotateUnpublishMemoryRange) \
    X(AnnotateMemoryIsInitialized)  \
    X(AnnotateMemoryIsUninitialized)

#define WEAK    __attribute__((weak))
#define X(name) WEAK void name(const char *file, int line, const volatile void *object, long more);
NOTHING(X)
X(AnnotateHappensBefore)
X(AnnotateHappensAfter)
X(WTFAnnotateHappensBefore)
X(WTFAnnotateHappensAfter)
X(AnnotateCondVarSignal)
X(AnnotateCondVarSignalAll)
X(AnnotateCondVarWait)
X(AnnotatePCQPut)
X(AnnotatePCQGet)
X(AnnotateRWLockCreate)
X(AnnotateRWLockCreateStatic)
X(AnnotateRWLockDestroy)
X(AnnotateRWLockAcquired)
X(AnnotateRWLockReleased)
X(AnnotateIgnoreReadsBegin)
X(AnnotateIgnoreReadsEnd)
X(AnnotateIgnoreWritesBegin)
X(AnnotateIgnoreWritesEnd)
X(AnnotateBenignRace)
X(AnnotateBenignRaceSized)
X(WTFAnnotateBenignRaceSized)
X(AnnotateThreadName)
#undef X
WEAK int RunningOnValgrind(void);
WEAK double ValgrindSlowdown(void);

#define TELL(name, object, more)                    \
    do {                                            \
        if (name)                                   \
            name(__FILE__, __LINE__, object, more); \
    } while (0)

enum { ORDERS = 5 };

static struct own_lock lock;
static int given[ORDERS], ignored[4], counter;
static char one;

static void tell_before(int i)
{
    if (i == 0)
        TELL(AnnotateHappensBefore, &given[i], 0);
    else if (i == 1)
        TELL(WTFAnnotateHappensBefore, &given[i], 0);
    else if (i == 2)
        TELL(AnnotateCondVarSignal, &given[i], 0);
    else if (i == 3)
        TELL(AnnotateCondVarSignalAll, &given[i], 0);
    else
        TELL(AnnotatePCQPut, &given[i], 0);
}

static void tell_after(int i)
{
    if (i == 0)
        TELL(AnnotateHappensAfter, &given[i], 0);
    else if (i == 1)
        TELL(WTFAnnotateHappensAfter, &given[i], 0);
    else if (i < 4)
        TELL(AnnotateCondVarWait, &given[i], (long)&lock);
    else
        TELL(AnnotatePCQGet, &given[i], 0);
}

static void unrecorded(void)
{
    TELL(AnnotateIgnoreReadsBegin, NULL, 0);
    TELL(AnnotateIgnoreWritesBegin, NULL, 0);
    ignored[0]++;
    TELL(AnnotateIgnoreWritesEnd, NULL, 0);
    TELL(AnnotateIgnoreReadsEnd, NULL, 0);
    one++;
    ignored[2]++;
    ignored[3]++;
}

static void locked(void)
{
    for (int i = 0; i < 20; i++) {
        own_wait(&lock);
        TELL(AnnotateRWLockAcquired, &lock, i % 2);
        if (i % 2) /* else it is held for reading */
            counter++;
        TELL(AnnotateRWLockReleased, &lock, i % 2);
        own_give(&lock);
    }
}

static void *first(void *unused)
{
    TELL(AnnotateThreadName, "the first", 0);
    unrecorded();
    locked();
    for (int i = 0; i < ORDERS; i++) {
        given[i]++;
        tell_before(i);
        order_signal(1 + i);
    }
    return unused;
}

static void *second(void *unused)
{
    unrecorded();
    locked();
    for (int i = 0; i < ORDERS; i++) {
        order_wait(1 + i);
        tell_after(i);
        given[i]++;
    }
    return unused;
}

int main(void)
{
    pthread_t a, b;
    int bytes = 0;
#define X(name) TELL(name, &bytes, (long)sizeof bytes);
    NOTHING(X)
#undef X
    TELL(AnnotateRWLockCreate, &lock, 0);
    TELL(AnnotateRWLockDestroy, &lock, 0);
    TELL(AnnotateRWLockCreateStatic, &lock, 0);
    TELL(AnnotateBenignRace, &one, (long)"meant");
    TELL(AnnotateBenignRaceSized, &ignored[2], sizeof ignored[2]);
    TELL(WTFAnnotateBenignRaceSized, &ignored[3], sizeof ignored[3]);
    if (RunningOnValgrind && (RunningOnValgrind() || ValgrindSlowdown() < 1))
        puts("not on Valgrind");
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    printf("%d %d\n", counter, given[0] + given[1] + given[2] + given[3] + given[4]);
    return 0;
}
