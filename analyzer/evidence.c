/*
 * Evidence that an access of a machine race is not atomic (evidence.h). Each kind of it is a
 * function that returns words for the report, or NULL.
 */
#include "analyzer/evidence.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/source.h"

/* A compiler that instruments tells plain accesses and atomic ones apart. */
static bool instrumented_plain(const struct race_site *site)
{
    return !(site->kind & (RACE_KIND_MACHINE | RACE_KIND_FREE | TRACE_KIND_ATOMIC));
}

/*
 * Aligned moves of 16 bytes are atomic operations where somebody in the process exchanges such pairs; else they are copies,
 * of which compilers make many. But one who only loads and stores pairs needs no cmpxchg16b if there is AVX: clang does
 * without, gcc calls libatomic, which has it.
 */
bool evidence_fits(const struct analysis *analysis, const struct race_site *site)
{
    unsigned bits = TRACE_KIND_SIZE(site->kind & 0xff);
    if (bits != TRACE_SIZE_WHOLE && bits != TRACE_SIZE_AVX)
        return bits <= 3 || bits == TRACE_SIZE_SEVERAL;
    return site->kind & TRACE_KIND_ATOMIC || analysis->trace->process.flags & TRACE_PROCESS_PAIRS ||
           (bits == TRACE_SIZE_AVX &&
            symbols_compiler(analysis->symbols, site->pc - 1) != COMPILER_GCC);
}

static char *of_site(const struct analysis *analysis, const struct race_site *site)
{
    const char *access = site->kind & TRACE_KIND_WRITE ? "write" : "read";
    if (site->kind & RACE_KIND_FREE)
        return memory_text("the end of the block");
    if (site->kind & TRACE_KIND_RANGE)
        return memory_format("a %s of a range of bytes by a string instruction or library function",
                             access);
    if (instrumented_plain(site))
        return memory_format("a plain %s, as the compiler that instrumented it says", access);
    if (!(site->kind & RACE_KIND_MACHINE) || site->kind & TRACE_KIND_ATOMIC ||
        evidence_is_several(site))
        return NULL;
    if (!evidence_fits(analysis, site) && evidence_size(site) > 8)
        return memory_format("a %u-byte %s", evidence_size(site), access);
    if (evidence_is_both(site) && symbols_compiler(analysis->symbols, site->pc - 1) == COMPILER_GCC)
        return memory_text("an instruction of gcc's that reads and writes without LOCK");
    return NULL;
}

static bool sized(const struct race_site *site)
{
    return !(site->kind & (RACE_KIND_FREE | TRACE_KIND_RANGE)) && evidence_size(site) > 0;
}

/* The last name of "table[3].count", to be freed. */
static char *last_name(const char *variable)
{
    const char *dot = strrchr(variable, '.');
    char *name = memory_text(dot ? dot + 1 : variable);
    name[strcspn(name, "[")] = 0;
    return name;
}

/* The line of the program's own source that the access stands in; `name` as in source_plain. */
static bool line_plain(const struct analysis *analysis, const struct race_site *site,
                       const char *name)
{
    struct stack stack = symbols_stack(analysis->symbols, &site->pc, 1, false);
    const struct frame *frame = stack.count ? &stack.frames[0] : NULL;
    bool plain = false;
    if (frame && frame->file && frame->line > 0 && !symbols_system_file(frame->file)) {
        const char *prefix = analysis->options->strip_path_prefix;
        char *line = source_line(frame->file, frame->line, prefix);
        plain =
            line && source_plain(line, name) && !source_in_atomic(frame->file, frame->line, prefix);
        free(line);
    }
    stack_free(&stack);
    return plain;
}

static bool written_plain(struct evidence_finder *finder, const struct race_site *site,
                          const char *name)
{
    if (!(site->kind & RACE_KIND_MACHINE) || site->kind & (RACE_KIND_FREE | TRACE_KIND_ATOMIC))
        return false;
    uint64_t key = site->pc;
    for (const char *c = name ? name : ""; *c; c++)
        key = (key ^ (unsigned char)*c) * 0x100000001b3u;
    uint32_t slot = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 54);
    if (finder->lines[slot].key != key) {
        finder->lines[slot].key = key;
        finder->lines[slot].plain = line_plain(finder->analysis, site, name);
    }
    return finder->lines[slot].plain;
}

static char *declared_plain(struct evidence_finder *finder, const struct race_site *a,
                            const struct race_site *b, const struct race_sample *sample)
{
    struct variable variable;
    uint64_t address = sample->address + (unsigned)__builtin_ctzll(sample->mask);
    if (!symbols_variable(finder->analysis->symbols, address, &variable))
        return NULL;
    char *name = last_name(variable.name), *text = NULL;
    if (written_plain(finder, a, name) || written_plain(finder, b, name))
        text = memory_format("'%s' is declared neither atomic nor volatile and accessed by its "
                             "name",
                             variable.name);
    free(name);
    variable_free(&variable);
    return text;
}

/* Memory without a name: its type is not known, but a source file may know none but plain types. */
static char *only_plain(struct evidence_finder *finder, const struct race_site *site)
{
    if (evidence_is_several(site) || !written_plain(finder, site, NULL) ||
        !symbols_only_plain(finder->analysis->symbols, site->pc - 1))
        return NULL;
    return memory_format("a plain %s in a source file without atomic or volatile types",
                         site->kind & TRACE_KIND_WRITE ? "write" : "read");
}

bool evidence_is_atomic(const struct evidence_finder *finder, const struct race_site *site)
{
    if (site->kind & RACE_KIND_FREE || evidence_is_several(site))
        return false;
    if (site->kind & TRACE_KIND_ATOMIC)
        return true;
    struct stack stack = symbols_stack(finder->analysis->symbols, &site->pc, 1, false);
    const char *path = stack.count ? stack.frames[0].file : NULL;
    const char *name = path ? strrchr(path, '/') : NULL;
    bool atomic = name && symbols_system_file(path) && strncmp(name + 1, "atomic", 6) == 0;
    stack_free(&stack);
    return atomic;
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Does the line name a promoted method without calling it: f := w.Name? */
static bool binds_promoted(const struct analysis *analysis, uint64_t pc, const char *line)
{
    for (const char *dot = strchr(line, '.'); dot; dot = strchr(dot + 1, '.')) {
        size_t length = 0;
        while (is_name(dot[1 + length]))
            length++;
        if (length > 0 && dot[1 + length + strspn(dot + 1 + length, " \t")] != '(' &&
            symbols_go_stub(analysis->symbols, pc, dot + 1, length))
            return true;
    }
    return false;
}

/* In a stub a copy is of more than a word: a smaller read is of the embedded field itself. */
bool evidence_is_copy(const struct analysis *analysis, const struct race_site *site)
{
    static const char suffix[] = "..stub", go[] = ".go";
    if (!instrumented_plain(site) || site->kind & TRACE_KIND_WRITE)
        return false;
    struct stack stack = symbols_stack(analysis->symbols, &site->pc, 1, false);
    const struct frame *frame = stack.count ? &stack.frames[0] : NULL;
    const char *name = frame && frame->function ? frame->function : "";
    const char *file = frame && frame->file ? frame->file : "";
    size_t length = strlen(name), file_length = strlen(file);
    bool copy =
        length >= sizeof(suffix) - 1 && strcmp(name + length - (sizeof(suffix) - 1), suffix) == 0;
    if (copy) {
        copy = !sized(site) || evidence_size(site) > 8;
    } else if (file_length > sizeof(go) && strcmp(file + file_length - (sizeof(go) - 1), go) == 0) {
        char *line = source_line(file, frame->line, analysis->options->strip_path_prefix);
        copy = line && binds_promoted(analysis, site->pc, line);
        free(line);
    }
    stack_free(&stack);
    return copy;
}

void evidence_find(struct evidence_finder *finder, const struct race_site *a,
                   const struct race_site *b, const struct race_sample *sample,
                   struct evidence *evidence)
{
    *evidence = (struct evidence){NULL, false, OBJECT_UNKNOWN};
    const struct analysis *analysis = finder->analysis;
    bool named = sample->block.address == 0 && sample->mask != 0;
    if (named)
        evidence->declared = symbols_object_kind(
            analysis->symbols, sample->address + (unsigned)__builtin_ctzll(sample->mask));
    evidence->text = of_site(analysis, a);
    if (!evidence->text)
        evidence->text = of_site(analysis, b);
    if (!evidence->text && sized(a) && sized(b) && evidence_size(a) != evidence_size(b) &&
        !((a->kind | b->kind) & TRACE_KIND_ATOMIC))
        evidence->text =
            memory_format("accessed with %u and with %u bytes", evidence_size(a), evidence_size(b));
    char *source = NULL;
    if (evidence->declared == OBJECT_PLAIN)
        source = declared_plain(finder, a, b, sample);
    else if (!named && (source = only_plain(finder, a)) == NULL)
        source = only_plain(finder, b);
    evidence->declared_plain = source != NULL;
    if (evidence->text)
        free(source);
    else
        evidence->text = source;
}
