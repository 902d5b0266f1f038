/*
 * A test whose goroutine panics: the rest of the tests is not run.
 *
 * MODE: gotest
 * EXPECT: ending @panic [proved] (in TestPanics)
 * EXPECT: exit 2
 */
package leak

import "testing"

func TestPanics(t *testing.T) {
	done := make(chan bool)
	go func() {
		var values []int
		values[len(values)] = 1 /* @panic */
		close(done)
	}()
	<-done
}

func TestAfter(t *testing.T) {}
