/*
 * Formats, as far as it takes to know of which type each argument is (arguments.h).
 */
#include "shim/arguments.h"

#include <stddef.h>

#include "shim/bytes.h"
#include "shim/real.h"
#include "shim/touch.h"

static volatile bool own_letters; /* the program has told printf of conversions of its own */

struct conversion {
    const char *end; /* behind it */
    size_t limit;    /* printf's precision, scanf's width; SIZE_MAX: none */
    char letter;
    char length;         /* 'H': hh, 'q': ll */
    unsigned stars;      /* of printf: arguments in front of its own */
    bool limit_is_given; /* by the last of these */
    bool skipped;        /* of scanf: has none */
    bool allocates;      /* of scanf: m */
};

/* Loops of our own: the C library's functions are ours too, and ask who calls them. */
static inline const char *find(const char *at, char sign)
{
    while (*at && *at != sign)
        at++;
    return at;
}

static inline bool is_one_of(char sign, const char *signs)
{
    return sign && *find(signs, sign);
}

static const char *number(const char *at, size_t *value)
{
    if (*at < '0' || *at > '9')
        return at;
    for (*value = 0; *at >= '0' && *at <= '9'; at++)
        *value = *value * 10 + (size_t)(*at - '0');
    return at;
}

static const char *length_of_type(const char *at, char *length)
{
    switch (*at) {
    case 'h':
    case 'l':
        *length = *at;
        if (at[1] != *at)
            return at + 1;
        *length = *at == 'h' ? 'H' : 'q';
        return at + 2;
    case 'q':
    case 'L':
    case 'j':
    case 'z':
    case 'Z':
    case 't':
        *length = *at;
        return at + 1;
    default:
        return at;
    }
}

static const char *star(const char *at, struct conversion *c)
{
    c->stars++;
    return at + 1;
}

/* `at`: behind the %. False if it is none that is known. */
static bool print_conversion(const char *at, struct conversion *c)
{
    size_t width = 0;
    *c = (struct conversion){.limit = SIZE_MAX};
    while (is_one_of(*at, "-+ #0'I"))
        at++;
    at = *at == '*' ? star(at, c) : number(at, &width);
    if (*at == '.') {
        c->limit = 0;
        c->limit_is_given = at[1] == '*';
        at = c->limit_is_given ? star(at + 1, c) : number(at + 1, &c->limit);
    }
    at = length_of_type(at, &c->length);
    c->letter = *at;
    c->end = at + 1;
    return is_one_of(*at, "sdufxcpiXeFgGEoaAnmCS%");
}

/* Behind [...], whose first sign, or the one behind ^, may be a ]. */
static const char *behind_set(const char *at)
{
    at += *at == '^';
    at += *at == ']';
    at = find(at, ']');
    return *at ? at + 1 : at;
}

static bool scan_conversion(const char *at, struct conversion *c)
{
    *c = (struct conversion){.limit = SIZE_MAX, .skipped = *at == '*'};
    at = number(at + c->skipped, &c->limit);
    c->allocates = *at == 'm';
    at = length_of_type(at + c->allocates, &c->length);
    c->letter = *at;
    c->end = *at == '[' ? behind_set(at + 1) : at + 1;
    if (*at == 'a' && is_one_of(*c->end, "sS[")) /* an older m, maybe */
        return false;
    return is_one_of(*at, "dsufxc[piXeFgGEoaAnCS%");
}

/* ---- what they are of ---- */

static bool is_real(char letter)
{
    return is_one_of(letter, "feEgGFaA");
}

static size_t size_of(char letter, char length)
{
    if (is_real(letter))
        return is_one_of(length, "Lq") ? sizeof(long double)
               : length                ? sizeof(double)
                                       : sizeof(float);
    if (letter == 'p')
        return sizeof(void *);
    switch (length) {
    case 'H':
        return sizeof(char);
    case 'h':
        return sizeof(short);
    case 0:
        return sizeof(int);
    default:
        return sizeof(long);
    }
}

struct arguments {
    va_list list;
};

static void read_text(const char *text, size_t limit, uintptr_t pc)
{
    if (!text)
        return;
    size_t length = length_of(text, limit);
    touch_read(text, length < limit ? length + 1 : length, pc);
}

static void print_one(struct conversion *c, struct arguments *arguments, uintptr_t pc)
{
    int last = -1;
    for (unsigned i = 0; i < c->stars; i++)
        last = va_arg(arguments->list, int);
    if (c->limit_is_given)
        c->limit = last < 0 ? SIZE_MAX : (size_t)last;
    if (c->letter == '%' || c->letter == 'm')
        return;
    if (is_real(c->letter)) {
        if (is_one_of(c->length, "Lq"))
            (void)va_arg(arguments->list, long double);
        else
            (void)va_arg(arguments->list, double);
        return;
    }
    void *value = va_arg(arguments->list, void *); /* or an integer in its place */
    if (c->letter == 's' && !c->length)
        read_text(value, c->limit, pc);
    else if (c->letter == 'n' && value)
        touch_write(value, size_of('n', c->length), pc);
}

void arguments_read(const char *format, va_list list, uintptr_t pc)
{
    struct arguments arguments;
    struct conversion c;
    if (own_letters || !format)
        return;
    va_copy(arguments.list, list);
    for (const char *at = format; *(at = find(at, '%')) && print_conversion(at + 1, &c); at = c.end)
        print_one(&c, &arguments, pc);
    va_end(arguments.list);
}

static void scan_one(const struct conversion *c, void *to, uintptr_t pc)
{
    bool text = c->letter == 's' || c->letter == '[';
    size_t size;
    if (c->allocates)
        size = sizeof(void *);
    else if (c->letter == 'C' || c->letter == 'S' || (c->length && (text || c->letter == 'c')))
        return; /* wide characters */
    else if (text)
        size = length_of(to, SIZE_MAX) + 1;
    else if (c->letter == 'c')
        size = c->limit == SIZE_MAX ? 1 : c->limit;
    else
        size = size_of(c->letter, c->length);
    touch_write(to, size, pc);
}

void arguments_written(const char *format, va_list list, int assigned, uintptr_t pc)
{
    struct arguments arguments;
    struct conversion c;
    if (!format)
        return;
    va_copy(arguments.list, list);
    for (const char *at = format;
         assigned > 0 && *(at = find(at, '%')) && scan_conversion(at + 1, &c); at = c.end) {
        if (c.letter == '%' || c.skipped)
            continue;
        scan_one(&c, va_arg(arguments.list, void *), pc);
        assigned -= c.letter != 'n';
    }
    va_end(arguments.list);
}

/* ---- conversions of the program's own, which may also be other meanings of these letters ---- */

#define OWN_LETTERS(fn, params, args)                \
    EXPORT int fn params;                            \
    EXPORT int fn params                             \
    {                                                \
        static int(*its) params;                     \
        if (!its)                                    \
            *(void **)(void *)&its = real_late(#fn); \
        own_letters = true;                          \
        return its args;                             \
    }

OWN_LETTERS(register_printf_function, (int letter, void *print, void *types),
            (letter, print, types))
OWN_LETTERS(register_printf_specifier, (int letter, void *print, void *types),
            (letter, print, types))
