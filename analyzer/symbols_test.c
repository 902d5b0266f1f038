/*
 * Symbols, tried on this very program: its functions, inlined calls, lines and variables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <link.h>
#include <pthread.h>
#include <unistd.h>

#include "analyzer/evidence.h"
#include "analyzer/memory.h"
#include "analyzer/symbols.h"
#include "analyzer/symbols_module.h"
#include "analyzer/trace_make.h"

struct counters {
    int hits, misses;
    struct {
        char name[8];
        long total;
    } rows[3];
};

extern struct counters table[4], single;
extern uint64_t grid[2][3];
struct counters table[4], single;
uint64_t grid[2][3];
static union {
    int number;
    char bytes[4];
} either;

#define NOINLINE __attribute__((noinline))
#define ALWAYS   static inline __attribute__((always_inline))

static __thread struct {
    int first, second;
} own_copy;

static uint64_t here;
static int inner_line, outer_line;

ALWAYS void inlined(void)
{
    inner_line = __LINE__ + 1;
    __asm__ volatile("leaq 0(%%rip), %0" : "=r"(here));
}

static NOINLINE void outer(void)
{
    outer_line = __LINE__ + 1;
    inlined();
    __asm__ volatile("" ::: "memory");
}

/* Named as gccgo names the method that "worker" has from an embedded field. */
void promoted(void) __asm__("main.worker.Name..stub");
NOINLINE void promoted(void)
{
    __asm__ volatile("leaq 0(%%rip), %0" : "=r"(here));
}

/* ---- a trace in which this program was loaded ---- */

static int find_main(struct dl_phdr_info *info, size_t size, void *argument)
{
    struct trace_module *module = argument;
    (void)size;
    module->bias = info->dlpi_addr;
    module->low = UINT64_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uint64_t start = info->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD) {
            module->low = start < module->low ? start : module->low;
            module->high = start + header->p_memsz;
        }
        if (header->p_type != PT_NOTE)
            continue;
        union {
            uint64_t address;
            const char *bytes;
        } note = {start};
        for (const char *end = note.bytes + header->p_memsz; note.bytes + 12 <= end;) {
            uint32_t words[3];
            memcpy(words, note.bytes, sizeof(words));
            const char *name = note.bytes + 12, *data = name + (words[0] + 3) / 4 * 4;
            if (words[2] == NT_GNU_BUILD_ID && words[0] == 4 && memcmp(name, "GNU", 4) == 0 &&
                words[1] <= sizeof(module->build_id)) {
                module->build_id_size = words[1];
                memcpy(module->build_id, data, words[1]);
            }
            note.bytes = data + (words[1] + 3) / 4 * 4;
        }
    }
    return 1; /* the first one is the program */
}

struct opened {
    struct trace_make *make;
    struct trace *trace;
    struct symbols *symbols;
};

static struct opened self(bool other_build, const char *strip)
{
    struct opened opened = {.make = trace_make_new()};
    struct trace_module *module = &opened.make->modules[1];
    char *error;
    module->state = 1;
    module->flags = TRACE_MODULE_MAIN;
    dl_iterate_phdr(find_main, module);
    ssize_t length = readlink("/proc/self/exe", module->path, sizeof(module->path) - 1);
    assert_true(length > 0);
    if (other_build) {
        module->build_id_size = 4;
        memcpy(module->build_id, "none", 4);
    }
    trace_make_write(opened.make);
    opened.trace = trace_open(opened.make->path, &error);
    assert_non_null(opened.trace);
    opened.symbols = symbols_open(opened.trace, strip);
    return opened;
}

static void done(struct opened *opened)
{
    symbols_close(opened->symbols);
    trace_close(opened->trace);
    trace_make_free(opened->make);
}

static uint64_t address_of(const void *object)
{
    return (uintptr_t)object;
}

/* ---- tests ---- */

static void inlined_frames(void **state)
{
    (void)state;
    struct opened opened = self(false, NULL);
    outer();
    struct stack stack = symbols_stack(opened.symbols, &here, 1, false);
    assert_true(stack.count >= 2);
    assert_string_equal(stack.frames[0].function, "inlined");
    assert_true(stack.frames[0].inlined);
    assert_int_equal(stack.frames[0].line, inner_line);
    assert_string_equal(stack.frames[1].function, "outer");
    assert_false(stack.frames[1].inlined);
    assert_int_equal(stack.frames[1].line, outer_line);
    assert_true(stack.frames[0].own);
    assert_non_null(strstr(stack.frames[0].file, "analyzer/symbols_test.c"));
    struct stack copy = stack_copy(&stack);
    assert_string_equal(copy.frames[1].function, "outer");
    stack_free(&stack);
    stack_free(&copy);
    done(&opened);
}

/* A stub that a method is called through is left out; one alone stays. */
static void through_stub(void **state)
{
    (void)state;
    struct opened opened = self(false, NULL);
    uint64_t pcs[3];
    outer();
    pcs[0] = pcs[2] = here;
    promoted();
    pcs[1] = here;
    struct stack stack = symbols_stack(opened.symbols, pcs, 3, false);
    assert_int_equal(stack.count, 4); /* each of the others with what is inlined there */
    assert_string_equal(stack.frames[1].function, "outer");
    assert_string_equal(stack.frames[2].function, "inlined");
    stack_free(&stack);
    stack = symbols_stack(opened.symbols, pcs + 1, 1, false);
    assert_int_equal(stack.count, 1);
    assert_string_equal(stack.frames[0].function, "main.worker.Name..stub");
    stack_free(&stack);
    done(&opened);
}

static void stripped_prefix(void **state)
{
    (void)state;
    struct opened opened = self(false, "analyzer/symbols_");
    outer();
    struct stack stack = symbols_stack(opened.symbols, &here, 1, false);
    assert_string_equal(stack.frames[0].file, "test.c");
    stack_free(&stack);
    done(&opened);
}

static void simple_paths(void **state)
{
    static const char *const paths[][3] = {
        /* directory, path, what they are */
        {"/a/b", "c.h", "/a/b/c.h"},
        {"/a/b", "../c.h", "/a/c.h"},
        {"/a/b", "./x/.././c.h", "/a/b/c.h"},
        {"/a", "../../..//c.h", "/c.h"},
        {NULL, "../c.h", "../c.h"},
        {"/a", "/b//..c/d../...", "/b/..c/d../..."},
        {"/a", "/usr/bin/../lib/gcc/x/12/../../../../include/c++/12/vector",
         "/usr/include/c++/12/vector"},
    };
    (void)state;
    struct opened opened = self(false, NULL);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char *path = symbols_path(opened.symbols, paths[i][0], paths[i][1]);
        assert_string_equal(path, paths[i][2]);
        free(path);
    }
    done(&opened);
}

static void changed_file(void **state)
{
    (void)state;
    struct opened opened = self(true, NULL);
    struct variable variable;
    outer();
    struct stack stack = symbols_stack(opened.symbols, &here, 1, false);
    assert_int_equal(stack.count, 1);
    assert_null(stack.frames[0].function);
    assert_non_null(stack.frames[0].module);
    assert_int_equal(stack.frames[0].module_offset, here - 1 - opened.trace->modules[1].bias);
    assert_false(symbols_variable(opened.symbols, address_of(&single), &variable));
    stack_free(&stack);
    done(&opened);
}

/* An address in no module is a frame all the same, and two of them differ. */
static void no_module(void **state)
{
    (void)state;
    struct opened opened = self(false, NULL);
    uint64_t pcs[] = {0x1001, 0x2001};
    struct stack stack = symbols_stack(opened.symbols, pcs, 2, false);
    assert_int_equal(stack.count, 2);
    assert_int_equal(stack.frames[0].pc, 0x1000);
    assert_null(stack.frames[0].module);
    assert_true(stack.frames[0].module_offset != stack.frames[1].module_offset);
    stack_free(&stack);
    done(&opened);
}

static void check_variable(struct opened *opened, const void *address, const char *name)
{
    struct variable variable;
    assert_true(symbols_variable(opened->symbols, address_of(address), &variable));
    assert_string_equal(variable.name, name);
    assert_int_equal(variable.whole, strcspn(name, ".["));
    assert_non_null(strstr(variable.file, "symbols_test.c"));
    assert_true(variable.line > 0);
    variable_free(&variable);
}

static void check_section(struct opened *opened, const void *address, const char *name)
{
    char *section = symbols_section(opened->symbols, address_of(address)), *wanted;
    assert_non_null(section);
    wanted = memory_format(
        "symbols_test+0x%llx %s",
        (unsigned long long)(address_of(address) - opened->trace->modules[1].bias), name);
    assert_string_equal(section, wanted);
    free(wanted);
    free(section);
}

static void variables(void **state)
{
    (void)state;
    static int in_function = 1, never_set;
    struct opened opened = self(false, NULL);
    check_variable(&opened, &single, "single.hits");
    check_variable(&opened, &single.misses, "single.misses");
    check_variable(&opened, &table[3].rows[2].total, "table[3].rows[2].total");
    check_variable(&opened, &table[1].rows[0].name[5], "table[1].rows[0].name[5]");
    check_variable(&opened, &grid[1][2], "grid[1][2]");
    check_variable(&opened, &in_function, "in_function");
    check_variable(&opened, &either.bytes[2], "either"); /* nobody knows which member it was */
    struct variable variable;
    assert_true(symbols_thread_variable(opened.symbols, address_of(&own_copy.second),
                                        (uint64_t)pthread_self(), &variable));
    assert_string_equal(variable.name, "own_copy.second");
    variable_free(&variable);
    check_section(&opened, &in_function, "(.data)");
    check_section(&opened, &never_set, "(.bss)");
    assert_null(symbols_section(opened.symbols, here)); /* code */
    assert_null(symbols_section(opened.symbols, 16));
    assert_false(symbols_thread_variable(opened.symbols, address_of(&here),
                                         (uint64_t)pthread_self(), &variable));
    assert_false(symbols_variable(opened.symbols, 16, &variable));
    assert_false(symbols_variable(opened.symbols, here, &variable));
    done(&opened);
    never_set = in_function = either.number;
}

#define KIND(bits) ((uint32_t)(bits) << 4) /* of 1 << bits bytes */

/* The copy that a stub makes of its receiver; what it writes and a word that it reads are none. */
static void receiver_copy(void **state)
{
    (void)state;
    struct opened opened = self(false, NULL);
    struct analysis analysis = {.symbols = opened.symbols};
    const struct {
        uint32_t kind;
        bool copy;
    } cases[] = {
        {TRACE_KIND_RANGE, true},
        {KIND(4), true},
        {KIND(3), false},
        {KIND(4) | TRACE_KIND_WRITE, false},
        {TRACE_KIND_RANGE | TRACE_KIND_WRITE, false},
        {KIND(4) | RACE_KIND_MACHINE, false},
        {RACE_KIND_FREE, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        promoted();
        struct race_site site = {.pc = here, .kind = cases[i].kind};
        assert_int_equal(evidence_is_copy(&analysis, &site), cases[i].copy);
        outer();
        site.pc = here;
        assert_false(evidence_is_copy(&analysis, &site));
    }
    done(&opened);
}

static void demangled(const char *name, const char *expected)
{
    char *text = symbols_demangle(name);
    assert_string_equal(text, expected);
    free(text);
}

static void names(void **state)
{
    (void)state;
    demangled("_ZNSt6vectorIiSaIiEEixEm",
              "std::vector<int, std::allocator<int> >::operator[](unsigned long)");
    demangled("_RNvC1r4work", "r::work");
    demangled("_ZN1r4main17h086b0cfd890a8ea9E", "r::main");
    demangled("_exit", "_exit");
    demangled("_Z", "_Z");
    demangled("", "");
}

static void system_files(void **state)
{
    (void)state;
    assert_true(symbols_system_file("/usr/include/c++/12/bits/stl_vector.h"));
    assert_true(symbols_system_file("/rustc/59807616e1/library/core/src/sync/atomic.rs"));
    assert_true(
        symbols_system_file("/home/me/.rustup/toolchains/stable/lib/rustlib/src/rust/library/"
                            "std/src/sync/mpsc.rs"));
    assert_false(symbols_system_file("/home/me/src/usr/include/own.h"));
    assert_false(symbols_system_file("include/own.h"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),           cmocka_unit_test(system_files),
        cmocka_unit_test(inlined_frames),  cmocka_unit_test(through_stub),
        cmocka_unit_test(stripped_prefix), cmocka_unit_test(simple_paths),
        cmocka_unit_test(changed_file),    cmocka_unit_test(no_module),
        cmocka_unit_test(variables),       cmocka_unit_test(receiver_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
