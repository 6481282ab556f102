package cache

import (
	"unicode/utf8"
)

// words finds blocked and masked words in texts. How long that takes does not
// depend on how many words there are.
//
// A text is a row of tokens: a run of letters and digits is one, a run of white
// space is one, any other character is one by itself. A word is found where its
// tokens stand one behind the other, so it is found as a whole or not at all: "ass"
// is not in "class", "bad word" is in "a bad \n word". All punctuation parts words,
// also "-", "_" and the apostrophe: "ass" is in "ass-kisser", "_ass_" and "ass's".
// Combining marks belong to the character before them.
//
// Scripts that put no space between words, such as Chinese, Japanese and Thai, have
// no boundary that could be seen without a dictionary. Each of their letters is a
// token, so a word of theirs is found wherever its letters stand.
//
// Tokens are compared in their folded form (see fold), but what is masked are
// whole tokens of the text, whatever length their folded form has.
type words struct {
	tokens  map[string]int      // number of each folded token that a word has, from 1
	edges   map[edge]int        // the words as a tree: from node by token to node
	effects []map[string]effect // of words that end at a node, by room; "" is all rooms
	inner   []bool              // whether words go on behind a node
}

// edge leads from a node of the tree to the next one.
type edge struct{ node, token int }

// effect is what words do to a text.
type effect struct {
	block string // the blocking word, "" if none
	mask  bool
}

// newWords builds the tree of words.
func newWords(list []Word) words {
	w := words{
		tokens:  make(map[string]int, len(list)),
		edges:   make(map[edge]int, len(list)),
		effects: make([]map[string]effect, 1, len(list)+1),
		inner:   make([]bool, 1, len(list)+1),
	}
	for _, word := range list {
		w.add(word)
	}
	return w
}

func (w *words) add(word Word) {
	node := 0
	for _, key := range keys(word.Text) {
		token, known := w.tokens[key]
		if !known {
			token = len(w.tokens) + 1
			w.tokens[key] = token
		}
		next, known := w.edges[edge{node, token}]
		if !known {
			next = len(w.effects)
			w.edges[edge{node, token}] = next
			w.effects = append(w.effects, nil)
			w.inner = append(w.inner, false)
			w.inner[node] = true
		}
		node = next
	}
	if node == 0 {
		return
	}
	if w.effects[node] == nil {
		w.effects[node] = map[string]effect{}
	}
	e := w.effects[node][word.Room]
	if word.Mask {
		e.mask = true
	} else {
		e.block = word.Text
	}
	w.effects[node][word.Room] = e
}

// check returns a text with its masked words masked, one * for each character; or
// the word that blocks it.
func (w *words) check(room, said string) (masked, blockedBy string) {
	if len(w.edges) == 0 {
		return said, ""
	}
	var out []byte
	done := 0 // so much of said is in out
	for from := 0; from < len(said); {
		end := tokenEnd(said, from)
		if said[from] == ' ' { // no word begins with white space
			from = end
			continue
		}
		maskEnd, block := w.match(room, said, from, end)
		if block != "" {
			return said, block
		}
		if maskEnd > done {
			start := max(from, done)
			out = append(out, said[done:start]...)
			for range utf8.RuneCountInString(said[start:maskEnd]) {
				out = append(out, '*')
			}
			done = maskEnd
		}
		from = end
	}
	if done == 0 {
		return said, ""
	}
	return string(append(out, said[done:]...)), ""
}

// match looks for words that begin with the token said[from:end]. It returns where
// the longest masked one ends, 0 if there is none, or the first blocking one.
func (w *words) match(room, said string, from, end int) (maskEnd int, block string) {
	for node := 0; ; {
		token, known := w.token(said[from:end])
		if !known {
			return maskEnd, ""
		}
		if node, known = w.edges[edge{node, token}]; !known {
			return maskEnd, ""
		}
		if effects := w.effects[node]; effects != nil {
			all, here := effects[""], effects[room]
			switch {
			case all.block != "":
				return 0, all.block
			case here.block != "":
				return 0, here.block
			case all.mask || here.mask:
				maskEnd = end
			}
		}
		if end == len(said) || !w.inner[node] {
			return maskEnd, ""
		}
		from, end = end, tokenEnd(said, end)
	}
}

// token returns the number of a token, if a word has it.
func (w *words) token(s string) (number int, known bool) {
	var room [64]byte // what no longer token has to be allocated for
	number, known = w.tokens[string(fold(room[:0], s))]
	return number, known
}
