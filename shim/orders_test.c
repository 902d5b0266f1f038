/*
 * What is known of combinations: each is new once, whatever it is, while there is room; where there is none, the cache grows
 * and knows them again; and a fork child begins anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "shim/orders.c"

void *memory_get(size_t size)
{
    void *piece = raw_map(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_non_null(piece);
    return piece;
}

static uint64_t key_of(uint64_t number)
{
    uint64_t key = (number + 1) * 0x9e3779b97f4a7c15u;
    key = (key ^ key >> 31) * 0xff51afd7ed558ccdu;
    return (key ^ key >> 29) | 1;
}

/* How many of them are new. */
static uint32_t new_ones(uint32_t count)
{
    uint32_t fresh = 0;
    for (uint32_t i = 0; i < count; i++) {
        orders_fetch(key_of(i));
        fresh += !orders_met(key_of(i));
    }
    return fresh;
}

static void each_is_new_once(void **unused)
{
    (void)unused;
    assert_int_equal(new_ones(5000), 5000);
    assert_int_equal(new_ones(5000), 0);
    assert_int_equal(orders_known->sets, SETS_FIRST);
}

static void it_grows_until_it_knows_them(void **unused)
{
    (void)unused;
    uint32_t all = SETS_FIRST * ORDERS_WAYS * 2;
    struct orders *old = orders_known;
    assert_true(new_ones(all) > all / 2); /* and some of the first 5,000 were forgotten */
    assert_int_equal(orders_known->sets, SETS_FIRST * 4);
    assert_int_equal(old->sets, SETS_FIRST); /* for who looks at it still */
    for (uint32_t i = PAGE / 4; i < orders_size(SETS_FIRST) / 4; i++)
        assert_int_equal(((uint32_t *)old)[i], 0);
    new_ones(all);
    assert_true(new_ones(all) < all / 8);
}

static void it_does_not_grow_without_end(void **unused)
{
    (void)unused;
    new_ones(SETS_MOST * ORDERS_WAYS * 4);
    assert_int_equal(orders_known->sets, SETS_MOST);
    struct orders *last = orders_known;
    new_ones(SETS_MOST * ORDERS_WAYS * 4);
    assert_ptr_equal(last, orders_known);
}

/* Of the latest under one held set some may be forgotten, but none is known that was not met; and sets are apart. */
static void the_latest_are_near(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 8; i++) {
        assert_false(orders_met_lately(key_of(7), 3, key_of(i)));
        orders_meet(key_of(7), 3, key_of(i));
        assert_true(orders_met_lately(key_of(7), 3, key_of(i)));
        assert_false(orders_met_lately(key_of(8), 3, key_of(i)));
        assert_false(orders_met_lately(key_of(7), 4, key_of(i)));
    }
    uint64_t a = 0x11, b = 0x13 | UINT64_C(1) << 32,
             c = 0x11 + 2 * ORDERS_NEAR; /* for the same two places */
    orders_meet(key_of(9), 3, a);
    orders_meet(key_of(9), 3, b);
    assert_true(orders_met_lately(key_of(9), 3, a) && orders_met_lately(key_of(9), 3, b));
    orders_meet(key_of(9), 3, c);
    assert_true(orders_met_lately(key_of(9), 3, c));
    assert_false(orders_met_lately(key_of(9), 3, a) && orders_met_lately(key_of(9), 3, b));
}

static void a_fork_child_begins_anew(void **unused)
{
    (void)unused;
    new_ones(5000);
    orders_meet(key_of(7), 3, key_of(0));
    orders_fork_child();
    assert_false(orders_met_lately(key_of(7), 3, key_of(0)));
    assert_int_equal(new_ones(5000), 5000);
    assert_int_equal(new_ones(5000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_new_once),
        cmocka_unit_test(it_grows_until_it_knows_them),
        cmocka_unit_test(it_does_not_grow_without_end),
        cmocka_unit_test(the_latest_are_near),
        cmocka_unit_test(a_fork_child_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
