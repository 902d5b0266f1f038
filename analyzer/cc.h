/* What a compiler's command line asks for, and the one we make of it: see cc.c. */
#ifndef ANALYZER_CC_H
#define ANALYZER_CC_H

#include <stdbool.h>

struct words {
    char **items; /* count of them, then NULL; owned */
    unsigned count, capacity;
};

void words_add(struct words *words, const char *word);
void words_free(struct words *words);
/* Appends `argv`, with @FILE replaced by the words of the file, as compilers do. */
void words_expand(struct words *words, int argc, char *const *argv);

struct cc_request {
    bool links;       /* the result is linked */
    bool compiles;    /* some source is compiled */
    bool inputs;      /* there is any input at all: else it is a question (--version) */
    bool is_static;   /* a static program is asked for */
    bool relocatable; /* -r: no program yet */
    bool debug;       /* some -g */
    bool lto;
    bool quiet; /* -E, -M: no code is made */
};

struct cc_request cc_read(const struct words *words);
/* The command: `compiler` words, then flags of ours, then the user's without what must not reach
 * the linker. `stub`: folder of libtsan.so.2; `shadow`: a folder where it is called libtsan.so, for
 * gcc's own -ltsan. */
struct words cc_command(const struct words *compiler, const struct words *words,
                        const struct cc_request *request, bool clang, const char *stub,
                        const char *shadow);
/* Must `shadow` exist? gcc, when it compiles and links in one go, adds -ltsan by itself. */
bool cc_needs_shadow(const struct cc_request *request, bool clang);

#endif
