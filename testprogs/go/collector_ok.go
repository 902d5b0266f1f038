/*
 * The collector runs again and again while goroutines build trees, and calls their finalizers.
 *
 * EXPECT: none
 * MODE: gorace
 */
package main

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

type node struct {
	left, right *node
	value       int
	text        string
}

func build(depth int) *node {
	if depth == 0 {
		return &node{value: 1, text: strings.Repeat("x", 10)}
	}
	return &node{left: build(depth - 1), right: build(depth - 1), value: depth}
}

func (n *node) sum() int {
	if n == nil {
		return 0
	}
	return n.value + len(n.text) + n.left.sum() + n.right.sum()
}

func main() {
	var group sync.WaitGroup
	var finalized, total int64
	for g := 0; g < 16; g++ {
		group.Add(1)
		go func(g int) {
			defer group.Done()
			m := map[int]*node{}
			for i := 0; i < 30; i++ {
				tree := build(6)
				runtime.SetFinalizer(tree, func(n *node) { atomic.AddInt64(&finalized, int64(n.value)) })
				m[i%5] = tree
				atomic.AddInt64(&total, int64(tree.sum()))
				s := make([]int, 0)
				for k := 0; k < 300; k++ {
					s = append(s, k)
				}
				if i%20 == g {
					runtime.GC()
				}
			}
		}(g)
	}
	group.Wait()
	runtime.GC()
	fmt.Println(total, atomic.LoadInt64(&finalized) >= 0)
}
