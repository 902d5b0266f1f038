/*
 * C sorts by a function of Go's, and threads of C's call into Go: what each does there it does as itself, so it is over
 * when the thread is joined, also if it had to wait there.
 *
 * EXPECT: none
 * MODE: gorace
 */
package main

/*
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

extern int goCompare(int, int);
extern void goResult(int, int);

static int compare(const void *a, const void *b)
{
	return goCompare(*(const int *)a, *(const int *)b);
}

static void sort(int *numbers, int count)
{
	qsort(numbers, count, sizeof *numbers, compare);
}

static void *work(void *number)
{
	for (int n = 0; n < 5; n++)
		goResult((int)(intptr_t)number, n);
	return NULL;
}

static void run(int count)
{
	pthread_t threads[16];
	for (int i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}
*/
import "C"

import (
	"fmt"
	"sync"
)

var lock sync.Mutex
var total int
var results [8]int
var turns = make(chan int)

//export goCompare
func goCompare(a, b C.int) C.int { return a - b }

//export goResult
func goResult(thread, n C.int) {
	results[thread] += int(n)
	lock.Lock()
	total++
	lock.Unlock()
	turns <- int(thread)
}

func main() {
	numbers := []C.int{5, 3, 9, 4, 1}
	C.sort(&numbers[0], C.int(len(numbers)))
	taken := make(chan int)
	go func() {
		sum := 0
		for n := 0; n < 40; n++ {
			sum += <-turns
		}
		taken <- sum
	}()
	C.run(8)
	for _, result := range results {
		total += result
	}
	fmt.Println(numbers, <-taken, total)
}
