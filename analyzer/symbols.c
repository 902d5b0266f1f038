/*
 * Addresses to functions and lines: see symbols.h. Every module of the trace is opened by itself
 * (two may have had the same addresses one after the other) when first needed, and only used if its
 * build-id is the one that was loaded. Frames are kept by pc: stacks share most of theirs.
 */
#include "analyzer/symbols.h"

#include <dwarf.h>
#include <libiberty/demangle.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/memory.h"
#include "analyzer/symbols_module.h"

#define CACHE_BUCKETS 16384u
#define SCOPES_MAX    64u /* functions inlined into each other */
#define NESTING_MAX   256u
#define START_SIZE    64u /* bytes of the code a program starts at: it only calls main */

struct cached {
    struct cached *next;
    uint64_t pc;
    struct stack frames;
};

struct symbols {
    const struct trace *trace;
    char *strip;
    struct symbol_module *modules; /* one for each of the trace's */
    struct cached *cache[CACHE_BUCKETS];
};

struct symbols *symbols_open(const struct trace *trace, const char *strip_path_prefix)
{
    struct symbols *symbols = memory_get(1, sizeof(*symbols));
    symbols->trace = trace;
    if (strip_path_prefix && *strip_path_prefix)
        symbols->strip = memory_text(strip_path_prefix);
    symbols->modules = memory_get(trace->module_count, sizeof(*symbols->modules));
    return symbols;
}

void symbols_close(struct symbols *symbols)
{
    if (!symbols)
        return;
    for (uint32_t i = 0; i < CACHE_BUCKETS; i++) {
        for (struct cached *entry = symbols->cache[i], *next; entry; entry = next) {
            next = entry->next;
            stack_free(&entry->frames);
            free(entry);
        }
    }
    for (uint32_t i = 0; i < symbols->trace->module_count; i++) {
        free(symbols->modules[i].fixed.items);
        free(symbols->modules[i].local.items);
        if (symbols->modules[i].dwfl)
            dwfl_end(symbols->modules[i].dwfl);
    }
    free(symbols->modules);
    free(symbols->strip);
    free(symbols);
}

/* ---- modules ---- */

static bool build_id_agrees(Dwfl_Module *module, const struct trace_module *shown)
{
    const unsigned char *bits;
    GElf_Addr address;
    int size = dwfl_module_build_id(module, &bits, &address);
    if (shown->build_id_size == 0 || size <= 0)
        return shown->build_id_size == 0;
    return (uint32_t)size == shown->build_id_size &&
           memcmp(bits, shown->build_id, (size_t)size) == 0;
}

/* The program's file, or what the recorder kept of it if it is gone. */
static char *module_path(const struct symbols *symbols, const struct trace_module *shown)
{
    char *kept = shown->flags & TRACE_MODULE_MAIN && access(shown->path, R_OK)
                     ? memory_format("%s/executable", symbols->trace->path)
                     : NULL;
    if (kept && !access(kept, R_OK))
        return kept;
    free(kept);
    return memory_text(shown->path);
}

static void module_open(const struct symbols *symbols, struct symbol_module *module,
                        const struct trace_module *shown)
{
    static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_build_id_find_elf,
                                             .find_debuginfo = dwfl_standard_find_debuginfo,
                                             .section_address = dwfl_offline_section_address};
    module->opened = true;
    module->shown = shown;
    if (shown->path[0] != '/')
        return;
    module->dwfl = dwfl_begin(&callbacks);
    if (!module->dwfl)
        return;
    dwfl_report_begin(module->dwfl);
    char *path = module_path(symbols, shown);
    Dwfl_Module *found = dwfl_report_elf(module->dwfl, path, path, -1, shown->bias, true);
    dwfl_report_end(module->dwfl, NULL, NULL);
    free(path);
    if (!found)
        return;
    GElf_Addr bias;
    GElf_Ehdr header;
    Elf *elf = dwfl_module_getelf(found, &bias);
    if (!elf || !build_id_agrees(found, shown))
        return;
    module->module = found;
    if (shown->flags & TRACE_MODULE_MAIN && gelf_getehdr(elf, &header))
        module->entry = header.e_entry + bias;
}

static struct symbol_module *module_of(struct symbols *symbols, const struct trace_module *shown)
{
    struct symbol_module *module = &symbols->modules[shown - symbols->trace->modules];
    if (!module->opened)
        module_open(symbols, module, shown);
    return module;
}

struct symbol_module *symbols_module(struct symbols *symbols, uint64_t address)
{
    const struct trace_module *shown = trace_module_at(symbols->trace, address, 0);
    if (!shown)
        return NULL;
    struct symbol_module *module = module_of(symbols, shown);
    return module->module ? module : NULL;
}

struct symbol_module *symbols_main(struct symbols *symbols)
{
    for (uint32_t i = 0; i < symbols->trace->module_count; i++) {
        const struct trace_module *shown = &symbols->trace->modules[i];
        if (shown->state == 0 || !(shown->flags & TRACE_MODULE_MAIN))
            continue;
        struct symbol_module *module = module_of(symbols, shown);
        return module->module ? module : NULL;
    }
    return NULL;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Code of the program or of what came with it, not of the system's libraries. */
static bool module_own(const struct trace_module *shown)
{
    if (shown->flags & TRACE_MODULE_RUNTIME)
        return false;
    if (shown->flags & TRACE_MODULE_MAIN)
        return true;
    return shown->path[0] == '/' && !starts_with(shown->path, "/lib") &&
           !starts_with(shown->path, "/usr/lib");
}

bool symbols_system_file(const char *path)
{
    static const char *const roots[] = {
        "/usr/include/", "/usr/lib/",
        "/rustc/",          /* Rust's own library, as its releases name it ... */
        "/usr/src/rustc-"}; /* ... and as Debian's */
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
        if (starts_with(path, roots[i]))
            return true;
    return strstr(path, "/rustlib/src/rust/library/") != NULL;
}

/* "/a/./b//../c" is "/a/c": clang reaches the headers of gcc's library by many such steps. */
static void path_simplify(char *path)
{
    char *to = path;
    for (const char *from = path; *from;) {
        size_t length = 1 + strcspn(from + 1, "/");
        if (length == 3 && from[1] == '.' && from[2] == '.')
            while (to > path && *--to != '/')
                ;
        else if (length > 1 && !(length == 2 && from[1] == '.'))
            to = (char *)memmove(to, from, length) + length;
        from += length;
    }
    *to = 0;
}

static char *path_whole(const char *directory, const char *path)
{
    if (path[0] == ' ' &&
        path[1] == '/') /* gccgo writes so of what it inlines from another package */
        path++;
    char *whole =
        directory && path[0] != '/' ? memory_format("%s/%s", directory, path) : memory_text(path);
    if (whole[0] == '/')
        path_simplify(whole);
    return whole;
}

char *symbols_path(const struct symbols *symbols, const char *directory, const char *path)
{
    char *whole = path_whole(directory, path);
    if (!symbols->strip)
        return whole;
    const char *at = strstr(whole, symbols->strip);
    if (!at)
        return whole;
    char *rest = memory_text(at + strlen(symbols->strip));
    free(whole);
    return rest;
}

/* Names of C++, Rust and D; others are what they are. */
char *symbols_demangle(const char *name)
{
    char *text = name[0] == '_' ? cplus_demangle(name, DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO) : NULL;
    return text ? text : memory_text(name);
}

/* ---- frames ---- */

static struct frame *stack_push(struct stack *stack, const struct symbol_module *module,
                                uint64_t pc)
{
    stack->frames = memory_resize(stack->frames, stack->count + 1, sizeof(*stack->frames));
    struct frame *frame = &stack->frames[stack->count++];
    *frame = (struct frame){.pc = pc, .module_offset = pc}; /* of no module: from 0 on */
    if (module) {
        frame->module = memory_text(module->shown->path);
        frame->module_offset = pc - module->shown->bias;
        frame->own = module_own(module->shown);
    }
    return frame;
}

static bool is_go(Dwarf_Die *die)
{
    Dwarf_Die unit;
    return dwarf_diecu(die, &unit, NULL, NULL) && dwarf_srclang(&unit) == DW_LANG_Go;
}

static char *die_function(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));
    if (!name || is_go(die)) /* example_0com_1dep.Add is example.com/dep.Add */
        name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
    return name ? symbols_demangle(name) : NULL;
}

static const char *unit_directory(Dwarf_Die *unit)
{
    Dwarf_Attribute attribute;
    return dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute));
}

static Dwarf_Word attribute_number(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;
    if (dwarf_formudata(dwarf_attr(die, name, &attribute), &value) != 0)
        return 0;
    return value;
}

/* What a program's module has from a header of the system or of its language is not the program's own. */
static void set_file(struct symbols *symbols, struct frame *frame, Dwarf_Die *unit,
                     const char *path)
{
    const char *directory = unit_directory(unit);
    if (!path)
        return;
    char *whole = path_whole(directory, path);
    frame->own &= !symbols_system_file(whole);
    free(whole);
    frame->file = symbols_path(symbols, directory, path);
}

/* The place an inlined function was called from is where its caller's frame stands. */
static void set_call_place(struct symbols *symbols, struct frame *frame, Dwarf_Die *unit,
                           Dwarf_Die *inlined)
{
    Dwarf_Files *files;
    size_t count;
    frame->line = (int)attribute_number(inlined, DW_AT_call_line);
    frame->column = (int)attribute_number(inlined, DW_AT_call_column);
    if (dwarf_getsrcfiles(unit, &files, &count) != 0)
        return;
    set_file(symbols, frame, unit,
             dwarf_filesrc(files, attribute_number(inlined, DW_AT_call_file), NULL, NULL));
}

/* Not by dwfl_module_getsrc: it finds no unit where there is no .debug_aranges. */
static void set_line(struct symbols *symbols, struct frame *frame, Dwarf_Die *unit,
                     uint64_t address)
{
    Dwarf_Line *line = dwarf_getsrc_die(unit, address);
    if (!line)
        return;
    dwarf_lineno(line, &frame->line);
    dwarf_linecol(line, &frame->column);
    set_file(symbols, frame, unit, dwarf_linesrc(line, NULL, NULL));
}

/* The unit that holds `address`. clang writes no .debug_aranges: then all units are asked. */
Dwarf_Die *symbols_unit(const struct symbol_module *in, uint64_t address, Dwarf_Addr *bias)
{
    Dwfl_Module *module = in->module;
    Dwarf_Die *unit = dwfl_module_addrdie(module, address, bias);
    if (unit)
        return unit;
    while ((unit = dwfl_module_nextcu(module, unit, bias)))
        if (dwarf_haspc(unit, address - *bias) > 0)
            return unit;
    return NULL;
}

/* The functions at an address, outermost first: a whole one, then those that are inlined there. */
struct scopes {
    uint64_t pc;
    unsigned count;
    Dwarf_Die functions[SCOPES_MAX];
};

/* Not by dwarf_getscopes, which does not look into namespaces and types: Rust's functions lie there. */
static bool scopes_find(struct scopes *scopes, Dwarf_Die *parent, unsigned depth)
{
    Dwarf_Die die;
    if (depth == NESTING_MAX || dwarf_child(parent, &die) != 0)
        return false;
    do {
        switch (dwarf_tag(&die)) {
        case DW_TAG_subprogram:
        case DW_TAG_inlined_subroutine:
            if (dwarf_haspc(&die, scopes->pc) <= 0)
                break;
            if (scopes->count < SCOPES_MAX)
                scopes->functions[scopes->count++] = die;
            scopes_find(scopes, &die, depth + 1);
            return true;
        case DW_TAG_lexical_block:
            if (dwarf_haspc(&die, scopes->pc) <= 0)
                break;
            scopes_find(scopes, &die, depth + 1);
            return true;
        case DW_TAG_namespace:
        case DW_TAG_module:
        case DW_TAG_structure_type:
        case DW_TAG_class_type:
        case DW_TAG_union_type:
        case DW_TAG_enumeration_type:
            if (scopes_find(scopes, &die, depth + 1))
                return true;
            break;
        }
    } while (dwarf_siblingof(&die, &die) == 0);
    return false;
}

/* Frames of the functions that DWARF knows at `address`, innermost first; false if it knows
 * none. */
static bool frames_by_dwarf(struct symbols *symbols, const struct symbol_module *module,
                            uint64_t address, struct stack *stack)
{
    Dwarf_Addr bias;
    Dwarf_Die *unit = symbols_unit(module, address, &bias);
    struct scopes scopes = {.count = 0};
    if (!unit)
        return false;
    scopes.pc = address - bias;
    scopes_find(&scopes, unit, 0);
    Dwarf_Die *called = NULL; /* the inlined function that the next frame has expanded */
    for (unsigned i = scopes.count; i-- > 0;) {
        struct frame *frame = stack_push(stack, module, address);
        frame->function = die_function(&scopes.functions[i]);
        if (called)
            set_call_place(symbols, frame, unit, called);
        else
            set_line(symbols, frame, unit, address - bias);
        frame->inlined = dwarf_tag(&scopes.functions[i]) == DW_TAG_inlined_subroutine;
        called = &scopes.functions[i];
        if (!frame->inlined)
            break;
    }
    return stack->count > 0;
}

static struct stack frames_at(struct symbols *symbols, uint64_t pc, bool exact)
{
    struct stack stack = {NULL, 0};
    uint64_t address =
        exact ? pc : pc - 1; /* a return address may be the next line's, or function's */
    const struct trace_module *shown = trace_module_at(symbols->trace, address, 0);
    if (!shown) {
        stack_push(&stack, NULL, address);
        return stack;
    }
    const struct symbol_module *module = module_of(symbols, shown);
    if (!module->module) {
        stack_push(&stack, module, address);
        return stack;
    }
    if (frames_by_dwarf(symbols, module, address, &stack))
        return stack;
    struct frame *frame = stack_push(&stack, module, address);
    GElf_Sym symbol;
    GElf_Off offset;
    const char *name =
        dwfl_module_addrinfo(module->module, address, &offset, &symbol, NULL, NULL, NULL);
    if (name && (symbol.st_size == 0 || offset < symbol.st_size))
        frame->function = symbols_demangle(name);
    Dwarf_Addr bias; /* hand-written assembly has lines, but no function */
    Dwarf_Die *unit = symbols_unit(module, address, &bias);
    if (unit)
        set_line(symbols, frame, unit, address - bias);
    return stack;
}

static const struct stack *cached_frames(struct symbols *symbols, uint64_t pc, bool exact)
{
    uint64_t key = exact ? pc + 1 : pc; /* the same instruction */
    struct cached **bucket = &symbols->cache[key * 0x9e3779b97f4a7c15u >> 50];
    for (struct cached *entry = *bucket; entry; entry = entry->next)
        if (entry->pc == key)
            return &entry->frames;
    struct cached *entry = memory_get(1, sizeof(*entry));
    entry->pc = key;
    entry->frames = frames_at(symbols, pc, exact);
    entry->next = *bucket;
    *bucket = entry;
    return &entry->frames;
}

/* ---- stacks ---- */

static void frame_copy(struct frame *to, const struct frame *from)
{
    *to = *from;
    to->function = from->function ? memory_text(from->function) : NULL;
    to->file = from->file ? memory_text(from->file) : NULL;
    to->module = from->module ? memory_text(from->module) : NULL;
}

static void frame_free(struct frame *frame)
{
    free(frame->function);
    free(frame->file);
    free(frame->module);
}

static bool is_main(const struct symbols *symbols, const struct frame *frame)
{
    const struct trace_module *shown = trace_module_at(symbols->trace, frame->pc, 0);
    return !frame->inlined && frame->function && strcmp(frame->function, "main") == 0 && shown &&
           shown->flags & TRACE_MODULE_MAIN;
}

/* Code of the recorder, and the few instructions that a program starts with. */
static bool is_hidden(struct symbols *symbols, uint64_t pc)
{
    const struct trace_module *shown = trace_module_at(symbols->trace, pc, 0);
    if (!shown)
        return false;
    if (shown->flags & TRACE_MODULE_RUNTIME)
        return true;
    uint64_t entry = shown->flags & TRACE_MODULE_MAIN ? module_of(symbols, shown)->entry : 0;
    return entry && pc >= entry && pc < entry + START_SIZE;
}

/* gccgo's function for a method that a struct has by embedding: its line is that of the type, and says nothing. */
static bool is_go_stub(const struct frame *frame)
{
    static const char suffix[] = "..stub";
    size_t length = frame->function ? strlen(frame->function) : 0;
    return length >= sizeof(suffix) &&
           !strcmp(frame->function + length - (sizeof(suffix) - 1), suffix);
}

/* What is called through a stub is called by its caller; one without a caller stays. */
static void stub_leave(struct stack *stack)
{
    if (stack->count && is_go_stub(&stack->frames[stack->count - 1]))
        frame_free(&stack->frames[--stack->count]);
}

struct stack symbols_stack(struct symbols *symbols, const uint64_t *pcs, uint32_t count, bool exact)
{
    struct stack stack = {NULL, 0};
    uint32_t own = 0; /* frames up to and including the outermost of the program's own */
    bool ended = false;
    for (uint32_t i = 0; i < count && !ended; i++) {
        if (is_hidden(symbols, pcs[i] - 1))
            continue;
        const struct stack *frames = cached_frames(symbols, pcs[i], exact && i == 0);
        stack.frames =
            memory_resize(stack.frames, stack.count + frames->count, sizeof(struct frame));
        for (uint32_t f = 0; f < frames->count; f++) {
            stub_leave(&stack);
            frame_copy(&stack.frames[stack.count++], &frames->frames[f]);
            if (frames->frames[f].own)
                own = stack.count;
            ended = ended || is_main(symbols, &frames->frames[f]);
        }
    }
    /* Below the outermost own frame lies only what started the thread. */
    while (own && stack.count > own)
        frame_free(&stack.frames[--stack.count]);
    return stack;
}

struct stack symbols_stack_id(struct symbols *symbols, uint32_t stack_id)
{
    uint32_t count;
    const uint64_t *pcs = trace_stack(symbols->trace, stack_id, &count);
    return symbols_stack(symbols, pcs, count, false);
}

void stack_free(struct stack *stack)
{
    for (uint32_t i = 0; i < stack->count; i++)
        frame_free(&stack->frames[i]);
    free(stack->frames);
    *stack = (struct stack){NULL, 0};
}

struct stack stack_copy(const struct stack *stack)
{
    struct stack copy = {memory_get(stack->count, sizeof(struct frame)), stack->count};
    for (uint32_t i = 0; i < stack->count; i++)
        frame_copy(&copy.frames[i], &stack->frames[i]);
    return copy;
}

/* gccgo writes an underscore in a name as two. */
static bool names_stub(const char *symbol, const char *method, size_t length)
{
    static const char suffix[] = "..stub";
    size_t end = strlen(symbol);
    if (end < sizeof(suffix) || strcmp(symbol + end - (sizeof(suffix) - 1), suffix) != 0)
        return false;
    end -= sizeof(suffix) - 1;
    while (length > 0 && end > 0 && symbol[end - 1] == method[length - 1]) {
        end -= symbol[end - 1] == '_' && end > 1 && symbol[end - 2] == '_' ? 2 : 1;
        length--;
    }
    return length == 0 && end > 0 && symbol[end - 1] == '.';
}

bool symbols_go_stub(struct symbols *symbols, uint64_t pc, const char *method, size_t length)
{
    struct symbol_module *module = symbols_module(symbols, pc);
    int count = module && module->module ? dwfl_module_getsymtab(module->module) : 0;
    for (int i = 1; i < count; i++) {
        GElf_Sym symbol;
        const char *name = dwfl_module_getsym(module->module, i, &symbol, NULL);
        if (name && GELF_ST_TYPE(symbol.st_info) == STT_FUNC && names_stub(name, method, length))
            return true;
    }
    return false;
}
