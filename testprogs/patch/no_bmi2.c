/*
 * Copies as they are on a processor without BMI2: a race is found, what is computed is exact under signals, and no copy
 * holds an instruction of BMI2 (rorx, which each check has otherwise).
 *
 * EXPECT: race @main @thread value
 * MODE: patched lazy
 * ENV: GOROCHECK_OPTIONS=patch_bmi2=0
 * ONLY: it is about patching
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#define WORDS 4096

int value;
static volatile sig_atomic_t ticks;
static __thread unsigned touched[64];

static void tick(int number)
{
    for (unsigned i = 0; i < 64; i++)
        touched[i] += touched[i * 7 % 64] + (unsigned)number;
    ticks++;
}

__attribute__((noinline)) static uint32_t mix(uint32_t *words)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < WORDS; i++)
        words[i] = i * 2654435761u;
    for (uint32_t round = 0; round < 50; round++)
        for (uint32_t i = 0; i < WORDS; i++) {
            uint32_t other = words[i] % WORDS;
            words[i] ^= words[other] + ((const uint8_t *)words)[i];
            sum += words[i] < words[other] ? words[i] : round;
        }
    return sum;
}

static void *add(void *unused)
{
    value++; /* @thread */
    return unused;
}

/* Instructions rorx in the memory of copies. */
static unsigned rotations(void)
{
    char line[512];
    unsigned count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long low, high;
        char mode[8];
        if (!strstr(line, "memfd:gorocheck") ||
            sscanf(line, "%lx-%lx %7s", &low, &high, mode) != 3 || mode[2] != 'x')
            continue;
        for (const uint8_t *at = (const uint8_t *)low; at + 4 < (const uint8_t *)high; at++)
            count += at[0] == 0xc4 && (at[1] & 31) == 3 && (at[2] & 0x7f) == 0x7b && at[3] == 0xf0;
    }
    if (maps)
        fclose(maps);
    return count;
}

int main(void)
{
    static uint32_t words[WORDS];
    struct itimerval every = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    pthread_t thread;
    pthread_create(&thread, NULL, add, NULL);
    value++; /* @main */
    pthread_join(thread, NULL);
    uint32_t quiet = mix(words);
    signal(SIGALRM, tick);
    setitimer(ITIMER_REAL, &every, NULL);
    int wrong = 0;
    while (ticks < 20)
        wrong += mix(words) != quiet;
    setitimer(ITIMER_REAL, &never, NULL);
    unsigned found = rotations();
    printf("%d wrong, %s BMI2\n", wrong, found ? "with" : "without");
    return wrong || found;
}
