/*
 * Beside each order that gorocheck.h tells of: what is done after the one, what a buffer with room left does not make wait,
 * what two senders, two receivers, two that are done are to one another, an attempt that was given up.
 *
 * EXPECT: race @first_close @second value[0]
 * EXPECT: race @first_offer @second value[1]
 * EXPECT: race @first_take @second value[2]
 * EXPECT: race @first_room @second value[3]
 * EXPECT: race @first_senders @second value[4]
 * EXPECT: race @first_receivers @second value[5]
 * EXPECT: race @first_gave_up @second value[6]
 * EXPECT: race @first_done @second value[7]
 * EXPECT: race @first_dones @second value[8]
 * EXPECT: race @first_submit @second value[9]
 * EXPECT: race @first_finish @second value[10]
 * EXPECT: race @first_happens @second value[11]
 * EXPECT: race @first_back @second value[12]
 * ONLY: the lock inside is an exchange, which machine code shows as the order that it is; the ABI can leave it out
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
        channel_close(c);
        value[pair]++; /* @first_close */
        break;
    case EDGES_offer:
        channel_send(c, NULL);
        value[pair]++; /* @first_offer */
        break;
    case EDGES_take:
        channel_receive(c, &item);
        value[pair]++; /* @first_take */
        break;
    case EDGES_room:
        channel_send(c, NULL);
        value[pair]++; /* @first_room */
        channel_receive(c, &item);
        break;
    case EDGES_senders:
        value[pair]++; /* @first_senders */
        channel_send(c, NULL);
        break;
    case EDGES_receivers:
        channel_send(c, NULL);
        channel_send(c, NULL);
        value[pair]++; /* @first_receivers */
        channel_receive(c, &item);
        break;
    case EDGES_gave_up:
        value[pair]++; /* @first_gave_up */
        gorocheck_sending(c);
        gorocheck_gave_up(c);
        break;
    case EDGES_done:
        group_done(&edges_groups[pair]);
        value[pair]++; /* @first_done */
        break;
    case EDGES_dones:
        value[pair]++; /* @first_dones */
        group_done(&edges_groups[pair]);
        break;
    case EDGES_submit:
        edges_jobs[pair].run = nothing;
        job_submit(c, &edges_jobs[pair]);
        value[pair]++; /* @first_submit */
        break;
    case EDGES_finish:
        edges_jobs[pair].run = nothing;
        job_submit(c, &edges_jobs[pair]);
        job_work(c);
        value[pair]++; /* @first_finish */
        break;
    case EDGES_happens:
        gorocheck_happens_before(&value[pair]);
        value[pair]++; /* @first_happens */
        break;
    case EDGES_back: /* the other way round */
        gorocheck_happens_after(&value[pair]);
        value[pair]++; /* @first_back */
        break;
    case EDGES_COUNT:
        break;
    }
    order_signal(EDGES_STEP(pair, 0));
}

static void edges_second(enum edges pair)
{
    struct channel *c = &edges_channels[pair];
    void *item;
    bool closed;
    if (pair == EDGES_offer)
        channel_receive(c, &item);
    if (pair == EDGES_take)
        channel_send(c, NULL);
    order_wait(EDGES_STEP(pair, 0));
    switch (pair) {
    case EDGES_close:
        channel_receive(c, &item);
        break;
    case EDGES_room: /* into the second place, though the first one was received before */
        channel_send(c, NULL);
        break;
    case EDGES_senders:
        channel_send(c, NULL);
        break;
    case EDGES_receivers:
        channel_receive(c, &item);
        break;
    case EDGES_gave_up:
        channel_receive_within(c, &item, 1, &closed);
        break;
    case EDGES_done:
        group_wait(&edges_groups[pair]);
        break;
    case EDGES_dones:
        group_done(&edges_groups[pair]);
        break;
    case EDGES_submit:
        job_work(c);
        break;
    case EDGES_finish:
        job_await(&edges_jobs[pair]);
        break;
    case EDGES_happens:
        gorocheck_happens_after(&value[pair]);
        break;
    case EDGES_back:
        gorocheck_happens_before(&value[pair]);
        break;
    default:
        break;
    }
    value[pair]++; /* @second */
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
