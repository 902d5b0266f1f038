/*
 * A race within one of two tests that run at the same time, and one between a subtest's goroutines.
 *
 * MODE: goracetest
 * EXPECT: race @first @first [proved] (in TestCount)
 * EXPECT: race @sub @sub [proved] (in TestGroup/sum)
 */
package race

import (
	"sync"
	"testing"
)

var hits, total, safe int

func TestCount(t *testing.T) {
	t.Parallel()
	var wait sync.WaitGroup
	for i := 0; i < 2; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			hits++ /* @first */
		}()
	}
	wait.Wait()
}

func TestLocked(t *testing.T) {
	t.Parallel()
	var wait sync.WaitGroup
	var lock sync.Mutex
	for i := 0; i < 2; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			lock.Lock()
			safe++
			lock.Unlock()
		}()
	}
	wait.Wait()
}

func TestGroup(t *testing.T) {
	t.Run("sum", func(t *testing.T) {
		var wait sync.WaitGroup
		for i := 0; i < 2; i++ {
			wait.Add(1)
			go func() {
				defer wait.Done()
				total++ /* @sub */
			}()
		}
		wait.Wait()
	})
}
