/*
 * Thread-local variables of libraries that come by dlopen. Through TLS descriptors: the compiler counts on it that the call
 * which finds the variable changes no register but rax, so a check beside it must not either. In the static block: of what
 * the C library keeps free there for such libraries, none may be missing.
 *
 * EXPECT: none
 * MODE: plain
 * ENV: GOROCHECK_OPTIONS=patch=app:patch_lazy=0
 * LIBS: -ldl
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static const char descriptors[] =
    "#include <stdint.h>\n"
    "static __thread uint64_t a = 3, b[4] = {1, 2, 3, 4};\n"
    "uint64_t mix(const uint64_t *in, int count, uint64_t p, uint64_t q, uint64_t r, uint64_t s)\n"
    "{\n"
    "    uint64_t t = p ^ s, u = q + r, v = p * 3, w = q ^ 5, x = r - s, y = s << 3;\n"
    "    for (int i = 0; i < count; i++) {\n"
    "        t += in[i]; u ^= t >> 7; v += u * in[i]; w ^= v << 5; x += w; y ^= x + i;\n"
    "        if (in[i] & 1)\n"
    "            a += t ^ y;\n"
    "        p += v; q ^= w; r += x; s ^= p; b[i & 3] += q ^ r ^ s;\n"
    "    }\n"
    "    return a ^ b[0] ^ b[1] ^ b[2] ^ b[3] ^ p ^ q ^ r ^ s ^ t ^ u ^ v ^ w ^ x ^ y;\n"
    "}\n";

static const char in_block[] =
    "#include <stdint.h>\n"
    "static __thread uint64_t words[190] __attribute__((tls_model(\"initial-exec\")));\n"
    "uint64_t mix(const uint64_t *in, int count, uint64_t p, uint64_t q, uint64_t r, uint64_t s)\n"
    "{\n"
    "    for (int i = 0; i < count; i++)\n"
    "        words[i % 190] += in[i] ^ p;\n"
    "    return words[7] + words[189] + q + r + s;\n"
    "}\n";

typedef uint64_t mix(const uint64_t *in, int count, uint64_t p, uint64_t q, uint64_t r, uint64_t s);

static uint64_t numbers[1000], results[2];
static mix *function;

static void *work(void *result)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < 50; i++)
        sum = sum * 31 + function(numbers, 1000, i, sum, i * 7, sum ^ i);
    *(uint64_t *)result = sum;
    return NULL;
}

static int try(const char *name, const char *source, const char *flags)
{
    char path[64], command[256];
    pthread_t threads[2];
    snprintf(path, sizeof path, "./%s.c", name);
    FILE *file = fopen(path, "w");
    if (!file || fputs(source, file) < 0 || fclose(file))
        return 1;
    snprintf(command, sizeof command, "LD_PRELOAD= cc -shared -fPIC -O2 -g %s -o %s.so %s.c", flags,
             name, name);
    if (system(command))
        return 2;
    snprintf(path, sizeof path, "./%s.so", name);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library || !(function = (mix *)dlsym(library, "mix"))) {
        printf("%s\n", dlerror());
        return 3;
    }
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, &results[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%s %llx %llx\n", name, (unsigned long long)results[0], (unsigned long long)results[1]);
    return 0;
}

int main(void)
{
    uint64_t random = 1;
    for (int i = 0; i < 1000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        numbers[i] = random >> 20;
    }
    return try("descriptors", descriptors, "-mtls-dialect=gnu2") || try("in_block", in_block, "");
}
