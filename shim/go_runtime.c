/*
 * Is there a libgo in this process, and how does it lay out what we look at? Offsets are read from the runtime's own type
 * descriptors (`runtime.g..d`), which libgo exports for its reflection. Those without which nothing is known of goroutines
 * must be found: otherwise Go is not observed. Without one of the others what happens is recorded, but not looked up at the
 * end: who can still reach what, who is at work, what a panic was given. Both is said. A process without libgo costs one
 * look-up that fails.
 */
#include "shim/go_memory.h"
#include "shim/go_type.h"

#include <dlfcn.h>

#include "shim/banned.h"
#include "shim/raw.h"
#include "shim/table.h"
#include "shim/task.h"

struct go_real go_real;
struct go_layout go_layout;
bool go_on;

#define FIELDS_MAX 200

static bool field_named(const struct go_field *field, const char *name)
{
    size_t length = raw_length(name);
    return field->name && field->name->length == (intptr_t)length &&
           raw_equal_n(field->name->text, name, length);
}

static bool field_find(const struct go_struct *type, const char *name, uint32_t *offset)
{
    if (!type || (type->type.kind & GO_KIND_MASK) != GO_STRUCT || type->count <= 0 ||
        type->count > FIELDS_MAX || !type->fields)
        return false;
    for (intptr_t i = 0; i < type->count; i++) {
        uintptr_t at = type->fields[i].offset_embedded >> 1;
        if (!field_named(&type->fields[i], name))
            continue;
        *offset = (uint32_t)at;
        return at + 1 <= type->type.size;
    }
    return false;
}

struct field {
    const char *type, *name;
    uint32_t *offset;
};

/* What all of it rests on. */
static const struct field needed[] = {
    {"runtime.g..d", "atomicstatus", &go_layout.g_status},
    {"runtime.g..d", "goid", &go_layout.g_id},
    {"runtime.g..d", "waitreason", &go_layout.g_wait_reason},
    {"runtime.g..d", "isSystemGoroutine", &go_layout.g_system},
    {"runtime.g..d", "isFinalizerGoroutine", &go_layout.g_finalizer},
    {"runtime.g..d", "entryfn", &go_layout.g_entry},
    {"runtime.g..d", "_defer", &go_layout.g_defer},
    {"runtime.hchan..d", "qcount", &go_layout.channel_count},
    {"runtime.hchan..d", "dataqsiz", &go_layout.channel_capacity},
    {"runtime.hchan..d", "closed", &go_layout.channel_closed},
    {"runtime.hchan..d", "lock", &go_layout.channel_lock},
    {"runtime.hchan..d", "sendq", &go_layout.channel_senders},
    {"runtime.hchan..d", "recvq", &go_layout.channel_receivers},
    {"runtime.sudog..d", "g", &go_layout.waiter_g},
    {"runtime.timer..d", "arg", &go_layout.timer_argument},
};

/* What is looked at when the process ends (go_reach.c, go_halt.c, go_work.c), and when a panic ends it. */
static const struct field of_the_end[] = {
    {"runtime.g..d", "context", &go_layout.g_context},
    {"runtime.g..d", "m", &go_layout.g_m},
    {"runtime.g..d", "_panic", &go_layout.g_panic},
    {"runtime.g..d", "param", &go_layout.g_parameter},
    {"runtime.g..d", "gcregs", &go_layout.g_call_registers},
    {"runtime.__defer..d", "link", &go_layout.defer_link},
    {"runtime.__panic..d", "arg", &go_layout.panic_value},
    {"runtime.__panic..d", "link", &go_layout.panic_link},
    {"runtime.__panic..d", "recovered", &go_layout.panic_recovered},
    {"runtime.__panic..d", "goexit", &go_layout.panic_goexit},
    {"runtime.m..d", "p", &go_layout.m_p},
    {"runtime.m..d", "syscalltick", &go_layout.m_call},
    {"runtime.m..d", "alllink", &go_layout.m_next},
    {"runtime.p..d", "link", &go_layout.p_next},
    {"runtime.p..d", "schedtick", &go_layout.p_tick},
    {"runtime.p..d", "timers", &go_layout.p_timers},
    {"runtime.timer..d", "status", &go_layout.timer_status},
    {"runtime.mspan..d", "startAddr", &go_layout.span_start},
    {"runtime.mspan..d", "elemsize", &go_layout.span_size},
    {"runtime.mspan..d", "spanclass", &go_layout.span_class},
    {"runtime.mspan..d", "specials", &go_layout.span_specials},
    {"runtime.special..d", "next", &go_layout.special_next},
    {"runtime.special..d", "offset", &go_layout.special_offset},
    {"runtime.special..d", "kind", &go_layout.special_kind},
    {"runtime.specialfinalizer..d", "fn", &go_layout.special_function},
    {"runtime.finblock..d", "alllink", &go_layout.queue_link},
    {"runtime.finblock..d", "cnt", &go_layout.queue_count},
    {"runtime.finblock..d", "fin", &go_layout.queue_entries},
    {"runtime.finalizer..d", "arg", &go_layout.entry_object},
    {"runtime.finalizer..d", "fn", &go_layout.entry_function},
};

static void code_read(void)
{
    uintptr_t inside = (uintptr_t)go_real.go_statement;
    for (uint32_t i = 1; i < table_modules.count; i++) {
        const struct trace_module *module = table_slot(&table_modules, i);
        if (inside < module->low || inside >= module->high)
            continue;
        go_layout.code_low = module->low;
        go_layout.code_high = module->high;
    }
}

static bool sizes_read(void)
{
    const struct go_struct *p = dlsym(RTLD_DEFAULT, "runtime.p..d");
    const struct go_struct *m = dlsym(RTLD_DEFAULT, "runtime.m..d");
    const struct go_struct *g = dlsym(RTLD_DEFAULT, "runtime.g..d");
    const struct go_struct *entry = dlsym(RTLD_DEFAULT, "runtime.finalizer..d");
    if (!p || !m || !g || !entry || !entry->type.size)
        return false;
    go_layout.p_size = p->type.size;
    go_layout.m_size = m->type.size;
    go_layout.g_size = g->type.size;
    go_layout.entry_size = (uint32_t)entry->type.size;
    return true;
}

/* The name of the first one that is missing, or NULL. */
static const char *fields_read(const struct field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!field_find(dlsym(RTLD_DEFAULT, fields[i].type), fields[i].name, fields[i].offset))
            return fields[i].name;
    return NULL;
}

static const char *layout_read(void)
{
    const char *missing = fields_read(needed, sizeof needed / sizeof *needed);
    if (missing)
        return missing;
    char *g = dlsym(RTLD_DEFAULT, "runtime.g");
    char *thread_pointer;
    __asm__("movq %%fs:0, %0" : "=r"(thread_pointer));
    go_layout.g = g - thread_pointer;
    code_read();
    /* Thread-local storage of libraries loaded at the start lies just below the thread pointer. */
    return g && go_layout.g < 0 && go_layout.g > -(ptrdiff_t)(1 << 20) ? NULL : "g";
}

/* False: it is said, and in the record. */
static bool end_read(void)
{
    const char *missing = fields_read(of_the_end, sizeof of_the_end / sizeof *of_the_end);
    if (!missing && !sizes_read())
        missing = "p";
    if (!missing && !go_real.go_span)
        missing = "spanOfHeap";
    if (!missing)
        return true;
    shim_message("this libgo is another than those known: ", missing,
                 " was not found, so who could still end a goroutine's wait is not looked up",
                 NULL);
    process_record()->flags |= TRACE_PROCESS_GO_PARTLY;
    return false;
}

static const char *find_all(void)
{
    const char *missing = NULL;
#define GO(id, symbol, ret, params, kind, verb)               \
    *(void **)(void *)&go_real.id = dlsym(RTLD_NEXT, symbol); \
    if (!go_real.id && PRIMITIVE_##id != PRIMITIVE_go_span && \
        PRIMITIVE_##id != PRIMITIVE_go_crash)                 \
        missing = symbol;
#include "trace/go.def"
#undef GO
    return missing;
}

/* Does a Mutex begin with its state, 1 while it is locked and nobody waits? Asked of the functions themselves. */
static bool mutex_read(void)
{
    uint32_t state = 1, trial[16] = {0};
    const struct go_struct *type = dlsym(RTLD_DEFAULT, "sync.Mutex..d");
    if (!field_find(type, "state", &state) || state != 0 || type->type.size != 8 ||
        !go_real.go_mutex_trylock(trial))
        return false;
    bool known = trial[0] == 1 && trial[1] == 0;
    go_real.go_mutex_unlock(trial);
    return known && trial[0] == 0 && trial[1] == 0;
}

void go_setup(void)
{
    if (!dlsym(RTLD_NEXT, "__go_go"))
        return;
    const char *missing = find_all();
    if (!missing)
        missing = layout_read();
    go_on = !missing;
    if (!missing) {
        go_layout.mutex_known = mutex_read();
        go_layout.end_known = end_read();
        go_memory_find(RTLD_NEXT);
        task_record(1)->flags |= TRACE_TASK_SYSTEM; /* the thread; main is a goroutine */
        return;
    }
    shim_message("this libgo is not known well enough: ", missing, NULL);
    shim_off("goroutines cannot be observed: this libgo is not known well enough");
}

void go_late(void)
{
    static const char *const names[] = {"libgo.so.21", "libgo.so.22", "libgo.so.23"};
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
        library = dlopen(names[i], RTLD_LAZY | RTLD_NOLOAD);
    if (!library)
        return;
#define GO(id, symbol, ret, params, kind, verb) \
    *(void **)(void *)&go_real.id = dlsym(library, symbol);
#include "trace/go.def"
#undef GO
    go_memory_find(library);
    shim_off("libgo was loaded by dlopen: goroutines cannot be observed");
}
