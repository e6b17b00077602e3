"""The sentences of services whose parts vary, as their makers write them. The first that fits is taken."""

from django.utils.translation import gettext_noop as noop

_PLANS = (
    noop("The plan of your team allows frames of up to %(pixels)s pixels, as %(size)s has."),
    noop("The plan of your team allows up to %(most)s frames."),
    noop("The plan of your team allows up to %(most)s steps."),
    noop("The plan of your team allows %(limit)s videos a day, and they are used up. Try again tomorrow (UTC)."),
    noop(
        "The plan of your team allows %(limit)s GPU-seconds a month; %(left)s are left and this video "
        "needs %(needed)s. Choose a smaller preset, or wait for the next month."
    ),
    noop(
        "The plan of your team allows %(limit)s bytes of stored videos, and they are used up. "
        "Delete videos that you do not need."
    ),
    # Last of these: whatever else it allows.
    noop("The plan of your team allows %(choices)s."),
    noop(
        "An admin of your team allows you %(limit)s credits a month; %(left)s are left and this video "
        "needs %(needed)s. Choose a smaller preset, or ask an admin of the team for more."
    ),
    noop("An admin of your team allows you %(limit)s videos a day, and they are used up. Try again tomorrow (UTC)."),
    noop(
        "This API key is allowed %(limit)s credits a month; %(left)s are left and this video "
        "needs %(needed)s. Choose a smaller preset, or ask an admin of the team for more."
    ),
    noop("This API key is allowed %(limit)s videos a day, and they are used up. Try again tomorrow (UTC)."),
    noop("The team has %(waiting)s videos waiting, and its plan allows %(most)s. Try again when some are done."),
    noop(
        "This video needs %(needed)s credits and the team has %(left)s left. "
        "Choose a smaller preset, or ask for more credits."
    ),
    noop("The team has fewer than %(credits)s credits left. Take away less."),
)
_VIDEOS = (
    noop("The prompt is longer than the %(tokens)s tokens that %(model)s reads; its end has no effect."),
    noop("%(model)s makes %(resolutions)s."),
    noop("There is no model %(name)s here. Choose one of: %(models)s."),
    noop(
        "This video needs about %(needed)s GB of GPU memory; the largest here has %(largest)s GB. "
        "Choose a lower resolution or fewer frames."
    ),
    noop("Unknown resolution. Choose one of: %(resolutions)s."),
    noop("Unknown aspect ratio. Choose one of: %(aspect_ratios)s."),
    noop("Width and height must be multiples of %(multiple)s, such as %(example)s."),
    noop("Width and height must be in the range %(range)s pixels."),
    noop("A frame may have at most %(pixels)s pixels, which is the size of 1024x1024."),
    noop("%(seconds)s s at %(fps)s frames a second are %(frames)s frames; %(range)s are allowed."),
)
_PICTURES = (
    noop("The image is too narrow: no side may be longer than %(ratio)s times the other. Crop the image."),
    noop(
        "The image is too large: at most %(megapixels)s megapixels and %(side)s pixels per side are allowed. "
        "Send a smaller image."
    ),
    noop(
        "The image is too large (%(width)s x %(height)s pixels): at most %(megapixels)s megapixels and "
        "%(side)s pixels per side are allowed. Send a smaller image."
    ),
    noop("The JPEG file has too many scans: at most %(maximum)s are allowed. Save it as a baseline JPEG."),
    noop("The %(format)s file has no readable header. Save the image again and send the new file."),
    noop("What lies at this address is larger than %(most)s MB. Give a smaller picture."),
    noop("What lies at this address cannot be used. %(reason)s"),
    noop("This address answered with status %(status)s. Give one that answers with the picture."),
    noop(
        "The picture did not arrive within %(seconds)s seconds. Put it where it is faster to reach, "
        "or send the picture itself, as image_base64 or as a file."
    ),
)
_BATCHES = (
    noop("%(wrong)s of the requests cannot be taken; none was. See `requests`."),
    noop("The batch needs %(needed)s credits and the team has %(left)s left. Send fewer requests."),
    noop("The batch has %(count)s requests and the team's queue has room for %(room)s. Send fewer."),
    noop("%(name)s names an earlier request of this batch. Choose another name."),
    noop("No picture %(name)s came with this batch. Pictures that came: %(known)s."),
    noop("No video with the id %(name)s."),
    noop("The line is not JSON: %(trouble)s"),
)
_WEBHOOKS = (
    noop("No connection (%(error)s)."),
    noop("A team has at most %(most)s webhooks. Delete one that is not used."),
)
# As Django REST framework and its catalogue have them.
_FIELDS = (
    noop("Ensure this value is greater than or equal to {min_value}."),
    noop("Ensure this value is less than or equal to {max_value}."),
    noop("Ensure this field has no more than {max_length} characters."),
    noop('"{input}" is not a valid choice.'),
    noop("Choose one of: %(choices)s."),
    noop('Expected a dictionary of items but got type "{input_type}".'),
    noop("There is no such field. Known: %(names)s"),  # cut off where it is long
    noop("Give %(one)s or %(other)s, not both."),
    noop("Holds %(count)s entries; at most %(most)s are taken."),
    noop("Holds %(count)s keys; at most %(most)s are kept."),
)

VARYING = _PLANS + _VIDEOS + _PICTURES + _BATCHES + _WEBHOOKS + _FIELDS
