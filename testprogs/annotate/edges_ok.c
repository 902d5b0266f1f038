/*
 * Each order that gorocheck.h tells of, where it is: what is done before the one is before what is done after the other.
 *
 * EXPECT: none
 * MODE: instrumented clang
 */
#include "../support/edges.h"

static int value[EDGES_COUNT];

static void nothing(struct job *job)
{
    (void)job;
}

static void edges_first(enum edges pair)
{
    struct channel *c = &edges_channels[pair];
    void *item;
    switch (pair) {
    case EDGES_close:
        value[pair]++;
        channel_close(c);
        break;
    case EDGES_offer:
        value[pair]++;
        channel_send(c, NULL);
        break;
    case EDGES_take: /* the receive that begins first, before the send that it meets is complete */
        value[pair]++;
        channel_receive(c, &item);
        break;
    case EDGES_room:
        channel_send(c, NULL);
        channel_send(c, NULL);
        value[pair]++;
        channel_receive(c, &item);
        order_signal(EDGES_STEP(pair, 0));
        break;
    case EDGES_senders: /* both sends before both receives */
        value[pair]++;
        channel_send(c, NULL);
        break;
    case EDGES_receivers: /* first one is ordered by the value it hands on */
        channel_send(c, NULL);
        channel_receive(c, &item);
        value[pair]++;
        channel_send(c, item);
        order_signal(EDGES_STEP(pair, 0));
        break;
    case EDGES_gave_up:
        value[pair]++;
        order_signal(EDGES_STEP(pair, 0));
        channel_send(c, NULL);
        break;
    case EDGES_done:
    case EDGES_dones:
        value[pair]++;
        group_done(&edges_groups[pair]);
        break;
    case EDGES_submit:
        value[pair]++;
        edges_jobs[pair].run = nothing;
        job_submit(c, &edges_jobs[pair]);
        break;
    case EDGES_finish:
        edges_jobs[pair].run = nothing;
        job_submit(c, &edges_jobs[pair]);
        value[pair]++;
        job_work(c);
        order_signal(EDGES_STEP(pair, 0));
        break;
    case EDGES_happens:
    case EDGES_back:
        value[pair]++;
        gorocheck_happens_before(&value[pair]);
        order_signal(EDGES_STEP(pair, 0));
        if (pair == EDGES_back) {
            order_wait(EDGES_STEP(pair, 1));
            gorocheck_happens_after(&value[pair]);
            value[pair]++;
        }
        break;
    case EDGES_COUNT:
        break;
    }
}

static void edges_second(enum edges pair)
{
    struct channel *c = &edges_channels[pair];
    void *item;
    bool closed;
    switch (pair) {
    case EDGES_close:
    case EDGES_offer:
    case EDGES_senders:
        channel_receive(c, &item);
        break;
    case EDGES_take:
        channel_send(c, NULL);
        break;
    case EDGES_room:
        order_wait(EDGES_STEP(pair, 0));
        channel_send(c, NULL);
        channel_receive(c, &item);
        break;
    case EDGES_receivers:
        order_wait(EDGES_STEP(pair, 0));
        channel_receive(c, &item);
        break;
    case EDGES_gave_up:
        order_wait(EDGES_STEP(pair, 0));
        channel_receive_within(c, &item, 60000, &closed);
        break;
    case EDGES_dones:
        group_done(&edges_groups[pair]);
        group_wait(&edges_groups[pair]);
        break;
    case EDGES_done:
        group_wait(&edges_groups[pair]);
        break;
    case EDGES_submit:
        job_work(c);
        break;
    case EDGES_finish:
        order_wait(EDGES_STEP(pair, 0));
        job_await(&edges_jobs[pair]);
        break;
    case EDGES_happens:
    case EDGES_back:
        order_wait(EDGES_STEP(pair, 0));
        gorocheck_happens_after(&value[pair]);
        break;
    case EDGES_COUNT:
        break;
    }
    value[pair]++;
    if (pair == EDGES_back) {
        gorocheck_happens_before(&value[pair]);
        order_signal(EDGES_STEP(pair, 1));
    }
}

int main(void)
{
    int sum = 0;
    edges_run();
    job_await(&edges_jobs[EDGES_submit]);
    for (int i = 0; i < EDGES_COUNT; i++)
        sum += value[i];
    printf("%d\n", sum);
    return 0;
}
