/* Parses GOROCHECK_OPTIONS: key=value pairs between colons; unknown keys are the analyzer's to complain about. */
#include "shim/options.h"

#include "shim/banned.h"
#include "shim/raw.h"

struct shim_options shim_options = {.report = true,
                                    .accesses = true,
                                    .heap = true,
                                    .exitcode = 66,
                                    .exit_wait_ms = 300,
                                    .stack_depth = 32,
                                    .max_disk = UINT64_C(1) << 30,
                                    .gather = true,
                                    .sites = 512,
                                    .patch = "app",
                                    .patch_mb = 16,
                                    .patch_bmi2 = true,
                                    .patch_lazy = 16u << 10};

const char *options_variable(char *const *environment, const char *name)
{
    size_t length = raw_length(name);
    for (; environment && *environment; environment++)
        if (raw_equal_n(*environment, name, length) && (*environment)[length] == '=')
            return *environment + length + 1;
    return NULL;
}

static uint64_t number(const char *value, size_t length, uint64_t otherwise)
{
    uint64_t result = 0;
    for (size_t i = 0; i < length; i++) {
        if (value[i] < '0' || value[i] > '9' || result > UINT32_MAX)
            return otherwise;
        result = result * 10 + (uint64_t)(value[i] - '0');
    }
    return length ? result : otherwise;
}

static uint64_t size(const char *value, size_t length, uint64_t otherwise)
{
    static const char units[] = "kKmMgG";
    unsigned shift = 0;
    for (unsigned i = 0; length && i < 6; i++)
        if (value[length - 1] == units[i])
            shift = 10 * (i / 2 + 1);
    uint64_t result = number(value, length - (shift != 0), UINT64_MAX);
    return result == UINT64_MAX ? otherwise : result << shift;
}

static bool truth(const char *value, size_t length, bool otherwise)
{
    if (length == 1 && (*value == '0' || *value == '1'))
        return *value == '1';
    if (length == 4 && raw_equal_n(value, "true", 4))
        return true;
    if (length == 5 && raw_equal_n(value, "false", 5))
        return false;
    return otherwise;
}

static void text(char *to, size_t size, const char *value, size_t length)
{
    if (length >= size)
        length = size - 1;
    raw_copy(to, value, length);
    to[length] = 0;
}

static bool key_is(const char *key, size_t length, const char *name)
{
    return raw_length(name) == length && raw_equal_n(key, name, length);
}

static void option(const char *key, size_t key_length, const char *value, size_t length)
{
    struct shim_options *o = &shim_options;
    if (key_is(key, key_length, "trace_dir"))
        text(o->trace_dir, sizeof o->trace_dir, value, length);
    else if (key_is(key, key_length, "analyzer"))
        text(o->analyzer, sizeof o->analyzer, value, length);
    else if (key_is(key, key_length, "patch"))
        o->patch_asked = true, text(o->patch, sizeof o->patch, value, length);
    else if (key_is(key, key_length, "patch_mb"))
        o->patch_mb = (uint32_t)number(value, length, o->patch_mb);
    else if (key_is(key, key_length, "patch_bmi2"))
        o->patch_bmi2 = truth(value, length, o->patch_bmi2);
    else if (key_is(key, key_length, "patch_poison"))
        o->patch_poison = (uint32_t)number(value, length, o->patch_poison);
    else if (key_is(key, key_length, "patch_lazy"))
        o->patch_lazy = size(value, length, o->patch_lazy);
    else if (key_is(key, key_length, "sites")) {
        o->gather = !key_is(value, length, "all");
        o->sites = (uint32_t)number(value, length, o->sites);
    } else if (key_is(key, key_length, "report"))
        o->report = truth(value, length, o->report);
    else if (key_is(key, key_length, "accesses"))
        o->accesses = truth(value, length, o->accesses);
    else if (key_is(key, key_length, "heap"))
        o->heap = truth(value, length, o->heap);
    else if (key_is(key, key_length, "exitcode"))
        o->exitcode = (int)(number(value, length, (uint64_t)o->exitcode) & 255);
    else if (key_is(key, key_length, "exit_wait_ms"))
        o->exit_wait_ms = (uint32_t)number(value, length, o->exit_wait_ms);
    else if (key_is(key, key_length, "verbosity"))
        o->verbosity = (int)(number(value, length, (uint64_t)o->verbosity) & 255);
    else if (key_is(key, key_length, "stack_depth"))
        o->stack_depth = (uint32_t)number(value, length, o->stack_depth);
    else if (key_is(key, key_length, "max_disk"))
        o->max_disk = size(value, length, o->max_disk);
    else if (key_is(key, key_length, "digest"))
        o->digest = size(value, length, 0) != 0;
    else if (key_is(key, key_length, "when_full"))
        o->when_full = key_is(value, length, "sample") ? WHEN_FULL_SAMPLE
                       : key_is(value, length, "drop") ? WHEN_FULL_DROP
                                                       : WHEN_FULL_SLOW;
    else if (key_is(key, key_length, "max_access_mb"))
        o->max_access_bytes = number(value, length, 0) << 20;
}

void options_read(const char *p)
{
    while (p && *p) {
        const char *key = p;
        while (*p && *p != '=' && *p != ':')
            p++;
        size_t key_length = (size_t)(p - key);
        if (*p == '=') {
            const char *value = ++p;
            while (*p && *p != ':')
                p++;
            option(key, key_length, value, (size_t)(p - value));
        }
        if (*p == ':')
            p++;
    }
    if (shim_options.stack_depth < 1 || shim_options.stack_depth > TRACE_STACK_DEPTH)
        shim_options.stack_depth = 32;
}
