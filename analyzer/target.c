/*
 * Looks at a program's ELF file, or at the interpreter of a script: see target.h. What cannot be
 * read is no obstacle: the attempt to run it will tell.
 */
#include "analyzer/target.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "analyzer/memory.h"

#define SCRIPT_DEPTH 4 /* interpreters of interpreters: the kernel's own limit */

static char *find_program(const char *name)
{
    if (strchr(name, '/'))
        return access(name, F_OK) ? NULL : memory_text(name);
    const char *path = getenv("PATH");
    int error = ENOENT;
    for (path = path ? path : "/bin:/usr/bin"; *path;) {
        size_t length = strcspn(path, ":");
        struct stat status;
        char *file = memory_format("%.*s%s%s", (int)length, path, length ? "/" : "", name);
        if (!stat(file, &status) && S_ISREG(status.st_mode)) {
            if (!access(file, X_OK))
                return file;
            error = EACCES;
        }
        free(file);
        path += length + (path[length] == ':');
    }
    errno = error;
    return NULL;
}

static char *privileged(const char *path)
{
    struct stat status;
    char value[64];
    if (stat(path, &status))
        return NULL;
    if (status.st_mode & S_ISUID && status.st_uid != getuid())
        return memory_format("%s is setuid: the system loads no recorder into it", path);
    if (status.st_mode & S_ISGID && status.st_gid != getgid())
        return memory_format("%s is setgid: the system loads no recorder into it", path);
    if (getuid() && getxattr(path, "security.capability", value, sizeof(value)) > 0)
        return memory_format("%s has capabilities: the system loads no recorder into it", path);
    return NULL;
}

static void read_needed(struct target *target, Elf *elf, Elf_Scn *section, const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
    for (size_t i = 0; data && i < count; i++) {
        GElf_Dyn entry;
        if (!gelf_getdyn(data, (int)i, &entry))
            continue;
        target->audited |= entry.d_tag == DT_AUDIT || entry.d_tag == DT_DEPAUDIT;
        if (entry.d_tag != DT_NEEDED)
            continue;
        const char *name = elf_strptr(elf, header->sh_link, entry.d_un.d_val);
        if (name && !strncmp(name, "libtsan.so", 10))
            target->needs_stub = true;
        /* Its start fails where another library than it comes first. */
        target->runtime |= name && !strncmp(name, "libasan.so", 10);
    }
}

static void read_symbols(struct target *target, Elf *elf, Elf_Scn *section, const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
    for (size_t i = 0; data && i < count && !target->runtime; i++) {
        GElf_Sym symbol;
        if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_shndx == SHN_UNDEF)
            continue;
        const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
        target->runtime = name && (!strcmp(name, "__tsan_init") || !strcmp(name, "__asan_init") ||
                                   !strcmp(name, "__msan_init"));
    }
}

/* Go's own compiler leaves notes that gccgo's does not; gccgo's runtime, if linked in, its symbols or its exports. */
struct go_signs {
    bool compiler, gccgo, runtime, library;
};

static void go_section(struct go_signs *signs, Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
                       const char *name)
{
    if (!strcmp(name, ".note.go.buildid") || !strcmp(name, ".gopclntab") ||
        !strcmp(name, ".go.buildinfo"))
        signs->compiler = true;
    signs->gccgo |= !strcmp(name, ".go_export");
    Elf_Data *data = header->sh_type == SHT_SYMTAB ? elf_getdata(section, NULL) : NULL;
    size_t count = data && header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
    for (size_t i = 0; i < count && !signs->runtime; i++) {
        GElf_Sym symbol;
        if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_shndx == SHN_UNDEF)
            continue;
        const char *text = elf_strptr(elf, header->sh_link, symbol.st_name);
        signs->runtime = text && !strcmp(text, "__go_go");
    }
}

static bool needs_libgo(Elf *elf, Elf_Scn *section, const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
    for (size_t i = 0; data && i < count; i++) {
        GElf_Dyn entry;
        if (!gelf_getdyn(data, (int)i, &entry) || entry.d_tag != DT_NEEDED)
            continue;
        const char *name = elf_strptr(elf, header->sh_link, entry.d_un.d_val);
        if (name && !strncmp(name, "libgo.so", 8))
            return true;
    }
    return false;
}

/* A program in Go of which no goroutine could be observed. */
static void read_go(struct target *target, const char *path, Elf *elf)
{
    struct go_signs signs = {false, false, false, false};
    size_t names = 0;
    if (elf_getshdrstrndx(elf, &names))
        return;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        GElf_Shdr facts;
        const char *name =
            gelf_getshdr(section, &facts) ? elf_strptr(elf, names, facts.sh_name) : NULL;
        if (!name)
            continue;
        go_section(&signs, elf, section, &facts, name);
        if (facts.sh_type == SHT_DYNAMIC)
            signs.library |= needs_libgo(elf, section, &facts);
    }
    if (signs.library)
        return;
    target->blind = signs.compiler || signs.gccgo || signs.runtime;
    if (signs.compiler)
        target->obstacle =
            memory_format("%s was built by Go's own compiler, whose goroutines cannot "
                          "be observed: build it with gccgo (gorocheck go build)",
                          path);
    else if (signs.gccgo || signs.runtime)
        target->obstacle =
            memory_format("%s has Go's runtime linked in, where goroutines cannot be "
                          "observed: build it without -static-libgo",
                          path);
}

/* Does another C library's dynamic linker start it, to which the recorder is a library that it cannot load? */
static bool is_musl(Elf *elf, const GElf_Phdr *segment)
{
    static const char mark[] = "/ld-musl";
    size_t size = 0;
    const char *file = elf_rawfile(elf, &size);
    return file && segment->p_offset <= size && segment->p_filesz <= size - segment->p_offset &&
           memmem(file + segment->p_offset, segment->p_filesz, mark, sizeof(mark) - 1);
}

static void read_elf(struct target *target, const char *path, Elf *elf)
{
    GElf_Ehdr header;
    size_t count = 0;
    bool interpreter = false;
    if (!gelf_getehdr(elf, &header))
        return;
    if (header.e_machine != EM_X86_64 || header.e_ident[EI_CLASS] != ELFCLASS64) {
        target->obstacle = memory_format("%s is not a 64-bit x86 program", path);
        return;
    }
    read_go(target, path, elf);
    if (target->obstacle)
        return;
    elf_getphdrnum(elf, &count);
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;
        if (!gelf_getphdr(elf, (int)i, &segment) || segment.p_type != PT_INTERP)
            continue;
        interpreter = true;
        target->blind |= is_musl(elf, &segment);
    }
    if (target->blind) {
        target->obstacle = memory_format(
            "%s is linked with musl, not with glibc: no recorder can be loaded into it", path);
        return;
    }
    if (!interpreter) {
        target->obstacle =
            memory_format("%s is statically linked: no recorder can be loaded into it", path);
        return;
    }
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        GElf_Shdr facts;
        if (!gelf_getshdr(section, &facts))
            continue;
        if (facts.sh_type == SHT_DYNAMIC)
            read_needed(target, elf, section, &facts);
        else if (facts.sh_type == SHT_DYNSYM)
            read_symbols(target, elf, section, &facts);
    }
    if (target->runtime)
        target->obstacle = memory_format(
            "%s has a sanitizer's runtime linked in: build it with gorocheck cc", path);
}

static void look(struct target *target, const char *path, int depth)
{
    char start[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, start, sizeof(start) - 1) : -1;
    if (length > 0 && !target->obstacle)
        target->obstacle = privileged(path);
    if (length > 2 && start[0] == '#' && start[1] == '!' && depth < SCRIPT_DEPTH) {
        start[length] = 0;
        char *word = start + 2 + strspn(start + 2, " \t");
        word[strcspn(word, " \t\r\n")] = 0;
        look(target, word, depth + 1);
    } else if (length >= SELFMAG && !memcmp(start, ELFMAG, SELFMAG)) {
        elf_version(EV_CURRENT);
        Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
        if (elf && !target->obstacle)
            read_elf(target, path, elf);
        if (elf)
            elf_end(elf);
    }
    if (fd >= 0)
        close(fd);
}

struct target target_look(const char *program)
{
    struct target target = {.path = find_program(program)};
    if (target.path)
        look(&target, target.path, 0);
    return target;
}

void target_free(struct target *target)
{
    free(target->path);
    free(target->obstacle);
    *target = (struct target){0};
}
