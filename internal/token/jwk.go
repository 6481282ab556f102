package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/MicahParks/jwkset"
)

const (
	maxKeys = 100 // of one set
	// minRSA and maxRSA bound an RSA key, in bits: RFC 7518 demands 2048, and a huge
	// one costs much time.
	minRSA, maxRSA = 2048, 8192
)

// publicKey is a key of the set, and the one algorithm that it is for.
type publicKey struct {
	kid string
	alg string
	key any // as jwt takes it for alg
}

// leftOut is a key that is of no use here.
type leftOut struct {
	position int // in the set, from 1
	why      string
}

// parseSet reads a key set (RFC 7517). Keys that cannot verify tokens are left out.
func parseSet(text []byte) ([]publicKey, []leftOut, error) {
	var set struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	switch err := json.Unmarshal(text, &set); {
	case err != nil || set.Keys == nil:
		return nil, nil, errors.New(`it is no JSON object with a list "keys"`)
	case len(*set.Keys) > maxKeys:
		return nil, nil, fmt.Errorf("it has more than %d keys", maxKeys)
	}
	keys, rest := []publicKey{}, []leftOut{}
	for i, raw := range *set.Keys {
		key, err := parseKey(raw)
		if err == nil && key.kid != "" && slices.ContainsFunc(keys, func(k publicKey) bool { return k.kid == key.kid }) {
			err = errors.New("a key before it has the same kid")
		}
		if err != nil {
			rest = append(rest, leftOut{i + 1, fmt.Sprintf("%.200s", err)})
			continue
		}
		keys = append(keys, key)
	}
	return keys, rest, nil
}

// parseKey reads one key of a set.
func parseKey(raw json.RawMessage) (publicKey, error) {
	jwk, err := jwkset.NewJWKFromRawJSON(raw, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return publicKey{}, err
	}
	alg, err := algorithmOf(jwk.Key())
	about := jwk.Marshal()
	switch {
	case err != nil:
		return publicKey{}, err
	case about.ALG != "" && about.ALG.String() != alg:
		return publicKey{}, fmt.Errorf("its alg is %.20q; only %s can be verified with it here", about.ALG, alg)
	case about.USE != "" && about.USE != jwkset.UseSig:
		return publicKey{}, errors.New("its use is not sig")
	case len(about.KEYOPS) > 0 && !slices.Contains(about.KEYOPS, jwkset.KeyOpsVerify):
		return publicKey{}, errors.New("its key_ops have no verify")
	}
	return publicKey{about.KID, alg, jwk.Key()}, nil
}

// algorithmOf returns the one algorithm that is accepted with a key.
func algorithmOf(key any) (string, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSA || bits > maxRSA {
			return "", fmt.Errorf("it is an RSA key of %d bits; it must have %d to %d", bits, minRSA, maxRSA)
		}
		return rs256, nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() { // the library has seen to it that the point lies on it
			return "", errors.New("its curve is not P-256")
		}
		return es256, nil
	case ed25519.PublicKey:
		return edDSA, nil
	default:
		return "", errors.New("it is no public key for RS256, ES256 or EdDSA")
	}
}
