/*
 * Unit tests of target.c, and of `gorocheck run` on what cannot be observed: small programs that are written here, byte by
 * byte, with the marks of Go's compilers. Each can be run: it ends with status 0.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/cmd.h"
#include "analyzer/memory.h"
#include "analyzer/report.h"
#include "analyzer/target.h"

#define BASE UINT64_C(0x400000)

/* The sections of a program: none, the one named, the table of names. */
struct file {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    Elf64_Shdr sections[3];
    uint8_t code[16];
    char names[64];
};

static char *program_with(const char *section)
{
    static const uint8_t code[] = {0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05}; /* exit(0) */
    struct file file = {.header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
                                               ELFDATA2LSB, EV_CURRENT},
                                   .e_type = ET_EXEC,
                                   .e_machine = EM_X86_64,
                                   .e_version = EV_CURRENT,
                                   .e_entry = BASE + offsetof(struct file, code),
                                   .e_phoff = offsetof(struct file, segment),
                                   .e_shoff = offsetof(struct file, sections),
                                   .e_ehsize = sizeof(Elf64_Ehdr),
                                   .e_phentsize = sizeof(Elf64_Phdr),
                                   .e_phnum = 1,
                                   .e_shentsize = sizeof(Elf64_Shdr),
                                   .e_shnum = 3,
                                   .e_shstrndx = 2},
                        .segment = {.p_type = PT_LOAD,
                                    .p_flags = PF_R | PF_X,
                                    .p_vaddr = BASE,
                                    .p_filesz = sizeof(struct file),
                                    .p_memsz = sizeof(struct file),
                                    .p_align = 4096},
                        .sections = {[1] = {.sh_name = 1,
                                            .sh_type = SHT_PROGBITS,
                                            .sh_offset = offsetof(struct file, code),
                                            .sh_size = sizeof(code)},
                                     [2] = {.sh_type = SHT_STRTAB,
                                            .sh_offset = offsetof(struct file, names),
                                            .sh_size = sizeof(file.names)}}};
    memcpy(file.code, code, sizeof(code));
    snprintf(file.names + 1, sizeof(file.names) - 1, "%s", section);
    char *path = memory_text("/tmp/gorocheck_target.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, &file, sizeof(file)), (ssize_t)sizeof(file));
    assert_int_equal(fchmod(fd, 0700), 0);
    close(fd);
    return path;
}

static const struct {
    const char *section, *obstacle;
    bool blind;
} cases[] = {
    {".note.go.buildid", "was built by Go's own compiler", true},
    {".gopclntab", "was built by Go's own compiler", true},
    {".go.buildinfo", "was built by Go's own compiler", true},
    {".go_export", "has Go's runtime linked in", true},
    {".text", "is statically linked", false},
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void marks(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        char *path = program_with(cases[i].section);
        struct target target = target_look(path);
        assert_non_null(target.obstacle);
        assert_non_null(strstr(target.obstacle, cases[i].obstacle));
        assert_int_equal(target.blind, cases[i].blind);
        target_free(&target);
        unlink(path);
        free(path);
    }
}

/* It runs, as without us; that nothing was seen of it is said by status 4, whatever else could be said. */
static void statuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES && cases[i].blind; i++) {
        char *path = program_with(cases[i].section);
        char output[] = "/dev/null";
        char *words[] = {(char[]){"run"}, (char[]){"--output"}, output, (char[]){"--"}, path, NULL};
        assert_int_equal(cmd_run(5, words), STATUS_NOTHING);
        unlink(path);
        free(path);
    }
}

/* What is no program of Go's, and what is none at all. */
static void others(void **state)
{
    (void)state;
    struct target target = target_look("/bin/true");
    assert_null(target.obstacle);
    assert_false(target.blind);
    target_free(&target);
    target = target_look("/nonexistent/program");
    assert_null(target.path);
    target_free(&target);
}

/* The recorder is not preloaded into a program of another C library, which would not start. */
static void other_library(void **state)
{
    (void)state;
    static const char linkers[2][32] = {"/lib/ld-musl-x86_64.so.1", "/lib64/ld-linux-x86-64.so.2"};
    for (int i = 0; i < 2; i++) {
        char *path = program_with(".other");
        const Elf64_Phdr segment = {
            .p_type = PT_INTERP, .p_offset = sizeof(struct file), .p_filesz = sizeof(linkers[i])};
        FILE *file = fopen(path, "r+e");
        assert_non_null(file);
        assert_int_equal(fseek(file, offsetof(struct file, segment), SEEK_SET), 0);
        assert_int_equal(fwrite(&segment, sizeof(segment), 1, file), 1);
        assert_int_equal(fseek(file, sizeof(struct file), SEEK_SET), 0);
        assert_int_equal(fwrite(linkers[i], sizeof(linkers[i]), 1, file), 1);
        assert_int_equal(fclose(file), 0);
        struct target target = target_look(path);
        assert_int_equal(target.blind, i == 0);
        assert_int_equal(target.obstacle != NULL, i == 0);
        target_free(&target);
        unlink(path);
        free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_library),
        cmocka_unit_test(marks),
        cmocka_unit_test(statuses),
        cmocka_unit_test(others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
