"""Raw clips to views: parameters are sampled first, then applied to a whole batch on its device."""

from semivideo.transforms.randaugment import OPERATIONS as OPERATIONS
from semivideo.transforms.views import ViewParameters as ViewParameters
from semivideo.transforms.views import Views as Views
