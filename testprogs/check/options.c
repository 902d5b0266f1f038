/*
 * Writes docs/options.md from trace/options.def: `make docs`.
 */
#include <stdio.h>

enum type { TYPE_STRING, TYPE_BOOL, TYPE_INT };

static const char *const type_text[] = {"text", "0 or 1", "number"};

static const struct option {
    const char *name;
    enum type type;
    const char *otherwise, *text;
} options[] = {
#define OPTION(name, type, otherwise, text) {#name, TYPE_##type, otherwise, text},
#include "trace/options.def"
#undef OPTION
};

/* Angle brackets would be taken for HTML. */
static void print_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '<' || *text == '|')
            putchar('\\');
        putchar(*text);
    }
}

int main(void)
{
    printf(
        "<!-- Written by `make docs` from trace/options.def. Edit that. -->\n"
        "# GOROCHECK_OPTIONS\n\n"
        "    GOROCHECK_OPTIONS=key=value:key=value\n\n"
        "The recorder and the analyzer read the same variable; names are those of TSAN_OPTIONS where the\n"
        "meaning is the same. An unknown key is reported and otherwise ignored. Options of the command\n"
        "line win.\n\n"
        "| key | value | default | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        printf("| `%s` | %s | %s | ", options[i].name, type_text[options[i].type],
               options[i].otherwise[0] ? options[i].otherwise : "-");
        print_text(options[i].text);
        printf(" |\n");
    }
    return ferror(stdout) ? 1 : 0;
}
