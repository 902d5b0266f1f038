/*
 * A test that leaves a mutex locked, and one that unlocks what it took.
 *
 * MODE: gotest
 * EXPECT: blocked @wait mutex [proved] (in TestKept)
 */
package lock

import (
	"sync"
	"testing"
	"time"
)

func TestKept(t *testing.T) {
	lock := new(sync.Mutex)
	go func() { lock.Lock() }()
	time.Sleep(20 * time.Millisecond)
	go func() {
		lock.Lock() /* @wait */
		lock.Unlock()
	}()
	time.Sleep(20 * time.Millisecond)
}

func TestGivenBack(t *testing.T) {
	lock := new(sync.Mutex)
	lock.Lock()
	defer lock.Unlock()
}
