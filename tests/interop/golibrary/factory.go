// Package golibrary opens the Go library's stores and Parquet codecs by what liblode's tests and figures say
// of them.
package golibrary

import (
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/pithecene-io/lode/lode"
	"github.com/pithecene-io/lode/lode/s3"
)

// Factory opens what ROOT names: a directory, or s3://bucket/prefix by the library's S3 adapter. Endpoint and
// credentials are S3_ENDPOINT, ACCESS_KEY_ID and SECRET_ACCESS_KEY of the environment.
func Factory(root string) lode.StoreFactory {
	address, isBucket := strings.CutPrefix(root, "s3://")
	if !isBucket {
		return lode.NewFSFactory(root)
	}
	bucket, prefix, _ := strings.Cut(address, "/")
	return func() (lode.Store, error) {
		endpoint := os.Getenv("S3_ENDPOINT")
		if endpoint == "" {
			return nil, fmt.Errorf("S3_ENDPOINT is not set, which %s needs", root)
		}
		keys := credentials.NewStaticCredentialsProvider(os.Getenv("ACCESS_KEY_ID"), os.Getenv("SECRET_ACCESS_KEY"), "")
		client := awss3.New(awss3.Options{
			BaseEndpoint: aws.String(endpoint),
			Credentials:  keys,
			Region:       "us-east-1",
			UsePathStyle: true,
		})
		return s3.New(client, s3.Config{Bucket: bucket, Prefix: prefix})
	}
}
