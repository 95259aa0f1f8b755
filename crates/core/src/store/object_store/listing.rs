//! A page of a listing, as the service wrote it. `object_store` would refuse a whole page for one foreign key
//! that it cannot name, such as the marker of a folder; here such keys are passed over.

use std::time::SystemTime;

use quick_xml::Reader;
use quick_xml::events::Event;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How many names a page has at most.
pub(super) const PAGE: usize = 1_000;

/// The most bytes that a page may have: names of a thousand bytes, escaped, and what stands around them.
pub(super) const MOST: u64 = 16 << 20;

/// What a page says of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    pub name: String,
    pub size: Option<u64>,
    pub modified: Option<SystemTime>,
}

/// What a page says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Objects, in the service's order.
    pub objects: Vec<Listed>,
    /// Beginnings of names, up to and with the delimiter.
    pub prefixes: Vec<String>,
    /// What the next page is asked for with; `None`: this is the last one.
    pub next: Option<String>,
}

/// An upload in several requests that has begun, as a page says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Begun {
    pub name: String,
    pub id: String,
    pub begun: Option<SystemTime>,
}

/// What a page of uploads says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct UploadPage {
    pub uploads: Vec<Begun>,
    /// The name and the id after which the next page begins; `None`: this is the last one.
    pub next: Option<(String, String)>,
}

/// Reads a page of S3, Google Cloud Storage or Azure.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(body: &[u8]) -> Result<Page, String> {
    let mut page = Page::default();
    let (mut object, mut is_named) = (Listed::default(), false);
    walk(body, &["ListBucketResult", "EnumerationResults"], &mut |path, is_encoded, value| match path {
        // A name that XML cannot hold is not one of ours.
        [b"Blobs", b"Blob" | b"BlobPrefix", b"Name"] if is_encoded => {}
        [b"Contents", b"Key"] | [b"Blobs", b"Blob", b"Name"] => (object.name, is_named) = (value, true),
        [b"Contents", b"Size"] | [b"Blobs", b"Blob", b"Properties", b"Content-Length"] => {
            object.size = value.parse().ok();
        }
        [b"Contents", b"LastModified"] | [b"Blobs", b"Blob", b"Properties", b"Last-Modified"] => {
            object.modified = time(&value);
        }
        [b"Contents"] | [b"Blobs", b"Blob"] => {
            let object = std::mem::take(&mut object);
            if std::mem::take(&mut is_named) {
                page.objects.push(object);
            }
        }
        [b"CommonPrefixes", b"Prefix"] | [b"Blobs", b"BlobPrefix", b"Name"] => page.prefixes.push(value),
        [b"NextContinuationToken" | b"NextMarker"] if !value.is_empty() => page.next = Some(value),
        _ => {}
    })?;
    Ok(page)
}

/// Reads a page of uploads of S3 or Google Cloud Storage.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse_uploads(body: &[u8]) -> Result<UploadPage, String> {
    let mut page = UploadPage::default();
    let (mut upload, mut next, mut is_cut) = (Begun::default(), (String::new(), String::new()), false);
    walk(body, &["ListMultipartUploadsResult"], &mut |path, _, value| match path {
        [b"Upload", b"Key"] => upload.name = value,
        [b"Upload", b"UploadId"] => upload.id = value,
        [b"Upload", b"Initiated"] => upload.begun = time(&value),
        [b"Upload"] => page.uploads.push(std::mem::take(&mut upload)),
        [b"NextKeyMarker"] => next.0 = value,
        [b"NextUploadIdMarker"] => next.1 = value,
        [b"IsTruncated"] => is_cut = value == "true",
        _ => {}
    })?;
    page.next = is_cut.then_some(next);
    Ok(page)
}

/// A time as S3 and Google Cloud Storage write it, or as Azure does.
fn time(text: &str) -> Option<SystemTime> {
    match OffsetDateTime::parse(text, &Rfc3339) {
        Ok(time) => Some(time.into()),
        Err(_) => httpdate::parse_http_date(text).ok(),
    }
}

/// What is called at the end of an element: with the names down to it, without the outermost; whether it is
/// said to be encoded; and its text.
type Ended<'a> = dyn FnMut(&[&[u8]], bool, String) + 'a;

/// Calls `each` at the end of every element of a document whose outermost one has one of these names.
fn walk(body: &[u8], outermost: &[&str], each: &mut Ended<'_>) -> Result<(), String> {
    let mut reader = Reader::from_reader(body);
    let mut names: Vec<Vec<u8>> = Vec::new();
    let mut text = String::new();
    let (mut is_listing, mut is_encoded) = (false, false);
    loop {
        match reader.read_event().map_err(|error| format!("its listing is no XML: {error}"))? {
            Event::Start(start) => {
                let name = start.local_name().as_ref().to_vec();
                is_listing |=
                    names.is_empty() && outermost.iter().any(|outermost| outermost.as_bytes() == name);
                is_encoded =
                    start.attributes().flatten().any(|attribute| attribute.key.as_ref() == b"Encoded");
                names.push(name);
                text.clear();
            }
            Event::Text(part) => text.push_str(&part.decode().map_err(|error| error.to_string())?),
            Event::CData(part) => text.push_str(&part.decode().map_err(|error| error.to_string())?),
            Event::GeneralRef(entity) => {
                let referred = match entity.resolve_char_ref().map_err(|error| error.to_string())? {
                    Some(char) => Some(char.to_string()),
                    None => {
                        let name = entity.decode().map_err(|error| error.to_string())?;
                        quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned)
                    }
                };
                text.push_str(&referred.ok_or("its listing has an unknown entity")?);
            }
            Event::End(_) => {
                let path: Vec<&[u8]> = names.iter().skip(1).map(Vec::as_slice).collect();
                each(&path, is_encoded, std::mem::take(&mut text));
                is_encoded = false;
                names.pop();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !is_listing || !names.is_empty() {
        return Err("its listing is none, or is cut off".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn names(page: &Page) -> Vec<&str> {
        page.objects.iter().map(|object| object.name.as_str()).collect()
    }

    #[test]
    fn a_page_of_s3_is_read_with_names_that_object_store_would_refuse() {
        let page = parse(
            br#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>p/</Prefix>
<Contents><Key>p/a&amp;b</Key><Size>1</Size></Contents><CommonPrefixes><Prefix>p/x/</Prefix></CommonPrefixes>
<Contents><Key> p//c&#x41; </Key><Owner><ID>Key</ID></Owner></Contents>
<Contents><LastModified>1970-01-01T00:01:00.500Z</LastModified><Key>p/</Key><Size>x</Size></Contents>
<IsTruncated>true</IsTruncated><NextContinuationToken>t&lt;1</NextContinuationToken></ListBucketResult>"#,
        )
        .unwrap();
        assert_eq!(names(&page), ["p/a&b", " p//cA ", "p/"]);
        assert_eq!((page.objects[0].size, page.objects[0].modified), (Some(1), None));
        let modified = SystemTime::UNIX_EPOCH + Duration::from_millis(60_500);
        assert_eq!((page.objects[2].size, page.objects[2].modified), (None, Some(modified)));
        assert_eq!(page.prefixes, ["p/x/"]);
        assert_eq!(page.next.as_deref(), Some("t<1"));
    }

    #[test]
    fn a_page_of_azure_is_read_without_names_that_xml_cannot_hold() {
        let page = parse(
            br#"<EnumerationResults ContainerName="c"><Blobs><Blob><Name>a</Name><Properties>
<Last-Modified>Thu, 01 Jan 1970 00:01:00 GMT</Last-Modified><Content-Length>7</Content-Length></Properties></Blob>
<Blob><Name Encoded="true">x%EF%BF%BF</Name><Properties><Content-Length>9</Content-Length></Properties></Blob>
<BlobPrefix><Name>d/</Name></BlobPrefix><Blob><Name>b</Name></Blob></Blobs><NextMarker/></EnumerationResults>"#,
        )
        .unwrap();
        assert_eq!(names(&page), ["a", "b"]);
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(60);
        assert_eq!((page.objects[0].size, page.objects[0].modified), (Some(7), Some(modified)));
        assert_eq!((page.objects[1].size, page.objects[1].modified), (None, None));
        assert_eq!((page.prefixes, page.next), (vec!["d/".to_owned()], None));
    }

    #[test]
    fn a_page_of_uploads_tells_when_each_was_begun_and_where_the_next_begins() {
        let page = parse_uploads(
            br#"<ListMultipartUploadsResult><Bucket>b</Bucket><KeyMarker>old</KeyMarker>
<NextKeyMarker>k&amp;2</NextKeyMarker><NextUploadIdMarker>u2</NextUploadIdMarker><IsTruncated>true</IsTruncated>
<Upload><Key>k1</Key><UploadId>u1</UploadId><Initiated>1970-01-01T00:01:00Z</Initiated></Upload>
<Upload><Key>k&amp;2</Key><UploadId>u2</UploadId><Owner><ID>x</ID></Owner></Upload></ListMultipartUploadsResult>"#,
        )
        .unwrap();
        let begun = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(60));
        let upload = |name: &str, id: &str, begun| Begun { name: name.into(), id: id.into(), begun };
        assert_eq!(page.uploads, [upload("k1", "u1", begun), upload("k&2", "u2", None)]);
        assert_eq!(page.next, Some(("k&2".to_owned(), "u2".to_owned())));
        let last =
            b"<ListMultipartUploadsResult><NextKeyMarker>k</NextKeyMarker></ListMultipartUploadsResult>";
        assert_eq!(parse_uploads(last).unwrap(), UploadPage::default());
        assert!(parse_uploads(b"<ListBucketResult></ListBucketResult>").is_err());
    }

    #[test]
    fn what_is_no_page_is_an_error_and_never_an_empty_one() {
        for body in [
            &b""[..],
            b"<html><body>Welcome</body></html>",
            b"<ListBucketResult><Contents><Key>a</Key></Contents>",
            b"<ListBucketResult><Contents></Key></ListBucketResult>",
            b"<ListBucketResult>&unknown;</ListBucketResult>",
        ] {
            assert!(parse(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
    }
}
