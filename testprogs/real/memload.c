/*
 * A load for memcached that checks every answer: N connections, each in a thread of its own, set,
 * get, delete and increment keys and compare what comes back with what they know they stored.
 *
 *     memload HOST PORT THREADS ROUNDS
 *
 * Prints the number of wrong answers, of operations, and of operations per second; exit status 1 if an answer was
 * wrong.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { KEYS = 500, VALUE_MAX = 3000, BATCH = 16 };

struct client {
    FILE *in, *out;
    unsigned id;
    unsigned long rounds, operations, wrong;
    uint32_t seed;
    unsigned stored[KEYS]; /* what the value of a key was made from; 0: deleted */
};

static struct sockaddr_in address;

static void fail(const char *what)
{
    perror(what);
    exit(2);
}

static uint32_t client_random(struct client *client)
{
    client->seed = client->seed * 1103515245u + 12345u;
    return client->seed >> 8;
}

static size_t make_value(char *value, unsigned client, unsigned key, unsigned version)
{
    size_t length = 1 + (version * 37u + key * 101u) % (VALUE_MAX - 1);
    for (size_t i = 0; i < length; i++)
        value[i] = (char)('!' + (i * (version | 1u) + key + client) % 90);
    return length;
}

static void expect_line(struct client *client, const char *format, ...)
{
    char line[256], wanted[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(wanted, sizeof wanted, format, arguments);
    va_end(arguments);
    if (!fgets(line, sizeof line, client->in))
        fail("memload: connection lost");
    if (strcmp(line, wanted))
        client->wrong++;
    client->operations++;
}

static void store(struct client *client)
{
    char value[VALUE_MAX];
    for (int i = 0; i < BATCH; i++) {
        unsigned key = client_random(client) % KEYS, version = client_random(client) % 100000 + 1;
        size_t length = make_value(value, client->id, key, version);
        fprintf(client->out, "set k%u_%u 0 0 %zu\r\n", client->id, key, length);
        fwrite(value, 1, length, client->out);
        fputs("\r\n", client->out);
        client->stored[key] = version;
    }
    fflush(client->out);
    for (int i = 0; i < BATCH; i++)
        expect_line(client, "STORED\r\n");
}

static void look_up(struct client *client)
{
    char wanted[VALUE_MAX], got[VALUE_MAX + 2];
    unsigned key = client_random(client) % KEYS;
    fprintf(client->out, "get k%u_%u\r\n", client->id, key);
    fflush(client->out);
    if (client->stored[key]) {
        size_t length = make_value(wanted, client->id, key, client->stored[key]);
        expect_line(client, "VALUE k%u_%u 0 %zu\r\n", client->id, key, length);
        if (fread(got, 1, length + 2, client->in) != length + 2)
            fail("memload: connection lost");
        if (memcmp(got, wanted, length))
            client->wrong++;
    }
    expect_line(client, "END\r\n");
}

static void forget(struct client *client)
{
    unsigned key = client_random(client) % KEYS;
    fprintf(client->out, "delete k%u_%u\r\n", client->id, key);
    fflush(client->out);
    expect_line(client, client->stored[key] ? "DELETED\r\n" : "NOT_FOUND\r\n");
    client->stored[key] = 0;
}

static void increment(struct client *client)
{
    char line[64];
    fputs("incr shared 1\r\n", client->out);
    fflush(client->out);
    if (!fgets(line, sizeof line, client->in))
        fail("memload: connection lost");
    client->operations++;
}

static FILE *connect_to(FILE **out)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
        fail("memload: connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    *out = fdopen(dup(fd), "w");
    return fdopen(fd, "r");
}

static void *client_run(void *argument)
{
    struct client *client = argument;
    client->in = connect_to(&client->out);
    for (unsigned long i = 0; i < client->rounds; i++) {
        store(client);
        look_up(client);
        look_up(client);
        if (i % 3 == 0)
            forget(client);
        increment(client);
    }
    fclose(client->in);
    fclose(client->out);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 5 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
        fprintf(stderr, "usage: memload ADDRESS PORT THREADS ROUNDS\n");
        return 2;
    }
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
    unsigned count = (unsigned)strtoul(argv[3], NULL, 10);
    struct client *clients = calloc(count, sizeof *clients);
    pthread_t *threads = calloc(count, sizeof *threads);
    if (!count || !clients || !threads)
        return 2;

    struct client main_client = {0};
    main_client.in = connect_to(&main_client.out);
    fputs("flush_all\r\nset shared 0 0 1\r\n0\r\n", main_client.out);
    fflush(main_client.out);
    expect_line(&main_client, "OK\r\n");
    expect_line(&main_client, "STORED\r\n");

    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (unsigned i = 0; i < count; i++) {
        clients[i].id = i;
        clients[i].seed = i + 1;
        clients[i].rounds = strtoul(argv[4], NULL, 10);
        if (pthread_create(&threads[i], NULL, client_run, &clients[i]))
            return 2;
    }
    unsigned long operations = 0, wrong = 0;
    for (unsigned i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        operations += clients[i].operations;
        wrong += clients[i].wrong;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    fputs("get shared\r\n", main_client.out);
    fflush(main_client.out);
    unsigned long total = count * clients[0].rounds;
    expect_line(&main_client, "VALUE shared 0 %d\r\n", snprintf(NULL, 0, "%lu", total));
    expect_line(&main_client, "%lu\r\n", total);
    wrong += main_client.wrong;

    double seconds =
        (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    printf("wrong answers %lu\n", wrong);
    printf("operations %lu\n", operations);
    printf("operations per second %.0f\n", (double)operations / seconds);
    return wrong != 0;
}
